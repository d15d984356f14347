"""Names of files: arguments as `:rctype=full+tsteps=20`, read and written, and what a name asks for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any
from urllib.parse import unquote

import yaml

from quadrat import BadInput

Scalar = bool | int | float | str | None

LONGEST = {"model": 96, "data": 64}
"""The longest text of arguments, in bytes, that stands in a name as it is: with both, a name stays within 255."""

SHORT = ":~"
"""What stands before the digits of arguments that are too long for a name."""

_ARGUMENT = re.compile(r"(?P<key>[A-Za-z][\w-]*)[=:](?P<value>.*)", re.DOTALL)
# What a value may be made of; anything else is written %XX, so that `_`, `+`, `=`, `:` and `/` always separate.
_PLAIN = re.compile(r"[A-Za-z0-9.,-]")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_NAME = re.compile(
    r"(?P<model>[A-Za-z][A-Za-z0-9-]*)(?P<args>:[^/]*?)?_(?P<seed>\d+)_(?P<data>[^_/:]+)"
    r"_(?P<status>init|trained(-best|-epoch=\d+)?)"
    r"(_(?P<loader>[A-Za-z]+)(?P<data_args>:[^/]*?)?_(?P<group>[^_/:]+)_test_(responses\.pt|\w+\.csv(\.config\.yaml)?)|\.pt)"
)


def format_args(args: Mapping[str, Scalar]) -> str:
    """Arguments as they stand in a name: `{"rctype": "full", "tsteps": 20}` is ":rctype=full+tsteps=20", {} is ""."""
    return ":" + "+".join(f"{_key(key)}={_written(value)}" for key, value in args.items()) if args else ""


def _key(name: str) -> str:
    """The name of an argument without `_`, which separates the parts of a name: "learning-rate"."""
    return name.replace("_", "-")


def parse_args(text: str) -> dict[str, Scalar]:
    """The arguments that a text of a name stands for; "=" may be ":". The inverse of `format_args`.

    Raises:
        BadInput: for a text that is none, a value that is missing, or an argument twice.
    """
    found: dict[str, Scalar] = {}
    for part in text.removeprefix(":").split("+") if text.removeprefix(":") else []:
        match = _ARGUMENT.fullmatch(part)
        if match is None or not match["value"]:
            raise BadInput(f"'{part}' in '{text}' is no argument", hint="write name=value: ':rctype=full+tsteps=20'")
        key = match["key"].replace("-", "_")
        if key in found:
            raise BadInput(f"'{key}' stands twice in '{text}'")
        found[key] = read_value(match["value"])
    return found


def read_value(text: str) -> Scalar:
    """A value as it stands in a name: true, null, 20, 1e-4 are what they look like in YAML 1.2, all else is text."""
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    if text in ("True", "False", "None"):  # as Python's str() has written them in older names
        return {"True": True, "False": False, "None": None}[text]
    if _NUMBER.fullmatch(text):
        is_whole = text.lstrip("+-").isdigit() and (len(text.lstrip("+-")) == 1 or text.lstrip("+-")[0] != "0")
        return int(text) if is_whole else text if text.lstrip("+-").isdigit() else float(text)
    return unquote(text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text)


def _written(value: Scalar) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value).replace("+", "")
    text = "".join(one if _PLAIN.fullmatch(one) else _quoted(one) for one in value)
    # A text that looks like something else, or is empty, stands in quotation marks, which no plain text has.
    return text if text and read_value(text) == value and isinstance(read_value(text), str) else f"'{text}'"


def _quoted(one: str) -> str:
    return "".join(f"%{byte:02X}" for byte in one.encode())


def args_product(args: Mapping[str, Any]) -> list[dict[str, Scalar]]:
    """Every combination of arguments, of which a list stands for several values; the last varies fastest."""
    values = [value if isinstance(value, list | tuple) else [value] for value in args.values()]
    return [dict(zip(args, chosen, strict=True)) for chosen in product(*values)]


def in_name(text: str, kind: str) -> str:
    """Arguments as a file name has them: as they are, or where that is too long a short form, ":~" and 12 digits.

    Args:
        text: as `format_args` gives it.
        kind: "model" or "data".
    """
    if len(text.encode()) <= LONGEST[kind]:
        return text
    return f"{SHORT}{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class Asked:
    """What the name of a file asks for.

    Attributes:
        model_name, seed, data_name, status: of the model.
        model_args: the text of its arguments, as it stands in the name.
        data_loader, data_args, data_group: of a test; None for a file of the model itself.
    """

    model_name: str
    model_args: str
    seed: int
    data_name: str
    status: str
    data_loader: str | None = None
    data_args: str = ""
    data_group: str | None = None


def parse_name(path: str) -> Asked | None:
    """What a file of a model or of a test is asked for by its name; None where it has no such name.

    `models/DyRCNNx4/DyRCNNx4:rctype=full_0001_cifar10_trained.pt` is a trained model, and so is the same name without
    the folder of the model.
    """
    match = _NAME.fullmatch(path.rpartition("/")[2])
    if match is None or any((match[part] or "").startswith(SHORT) for part in ("args", "data_args")):
        return None
    loader, group = match["loader"], match["group"]
    return Asked(
        match["model"],
        match["args"] or "",
        int(match["seed"]),
        match["data"],
        match["status"],
        loader,
        match["data_args"] or "",
        group,
    )


def starred(args: Mapping[str, Any], category: str | None) -> str:
    """The arguments of a group of models that differ in one of them, whose value is "*": ":rctype=*+tsteps=20"."""
    parts = [f"{_key(key)}={'*' if key == category else _written(value)}" for key, value in args.items()]
    return ":" + "+".join(parts) if parts else ""


def seeds_text(seeds: Sequence[int]) -> str:
    """Some seeds in the name of what is made of all of them: "0001" for one, "7000-7002" for several."""
    return f"{seeds[0]:04d}" if len(seeds) == 1 else f"{min(seeds):04d}-{max(seeds):04d}"


def read_mapping(given: Any, where: str) -> dict[str, Any]:
    """Arguments however they are given: a mapping, the text of a name, or YAML's "{rctype: full}".

    Raises:
        BadInput: for anything else.
    """
    if isinstance(given, str):
        tree = yaml.safe_load(given) if given.lstrip().startswith("{") else parse_args(given)
        return read_mapping(tree, where)
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise BadInput(f"'{where}' is {given!r}, not a mapping", where=where, hint="write {rctype: full, tsteps: 20}")
    return {str(key): value for key, value in given.items()}
