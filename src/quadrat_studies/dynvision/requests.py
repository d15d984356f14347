"""What is asked for, made into points: models with their arguments, experiments, files by their names.

Nothing here imports torch: planning is light.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import quadrat as qd
from quadrat import BadInput, Space

from .analysis.measures import focus
from .architectures import LONG_NAMES, MODELS, Model, make_model
from .faults import unknown
from .loaders import make_loader
from .naming import (
    Asked,
    Scalar,
    args_product,
    format_args,
    in_name,
    parse_args,
    parse_name,
    read_mapping,
    seeds_text,
    starred,
)
from .params import STATUS, TRAINING_ALIASES, Training

OF_TEST = ("idle", "ffonly")
"""Arguments of experiments that are the model's, at the time of the test."""
TWIN = "ffonly"
"""What the name of an experiment ends with that is done without recurrence, skip and feedback."""


@dataclass(frozen=True)
class Variant:
    """A model with some arguments, which may be of its training.

    Attributes:
        model: the model.
        training: the arguments of its training.
        labels: names for files and groups: model_name, model_args, group_args, category.
    """

    model: Model
    training: Mapping[str, Any]
    labels: Mapping[str, str]

    @classmethod
    def of(cls, name: str, args: Mapping[str, Scalar], text: str, group: str = "", category: str = "") -> Variant:
        """A variant from arguments by any of their names.

        Args:
            name: of the model.
            args: its arguments.
            text: how they stand in the names of files.
            group: the same for files of a group of models; as `text` where it is empty.
            category: the argument in which the models of the group differ.

        Raises:
            BadInput: for a model or an argument that does not exist.
        """
        model, training = split_args(name, args)
        short = in_name(text, "model")
        labels = {
            "model_name": name,
            "model_args": short,
            "group_args": in_name(group, "model") if group else short,
            "category": category,
        }
        return cls(make_model(name, model), training, labels)

    @property
    def key(self) -> dict[str, str]:
        """What its files are told from others by."""
        return {name: self.labels[name] for name in ("model_name", "model_args")}


@dataclass
class Wanted:
    """Everything that a request asks for, collected."""

    variants: list[tuple[Variant, tuple[int, ...], str]] = field(default_factory=list)
    """variants with their seeds, and these in the names of groups"""
    after: list[str] = field(default_factory=list)
    """the trainings that are needed, see `after`"""
    tests: list[Space] = field(default_factory=list)
    kept: list[Space] = field(default_factory=list)
    experiments: list[Space] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    groups: list[tuple[str, str]] = field(default_factory=list)


def short_name(name: str) -> str:
    """The name of an argument of a model or a training that a parameter has, by any of its names."""
    return TRAINING_ALIASES.get(name, LONG_NAMES.get(name, name))


def split_args(name: str, args: Mapping[str, Scalar]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments as those of a model and those of its training, by their short names.

    Raises:
        BadInput: for a model or an argument that does not exist, with the nearest one.
    """
    if name not in MODELS:
        raise unknown("model", name, MODELS, "model_name")
    model: dict[str, Any] = {}
    training: dict[str, Any] = {}
    for given, value in args.items():
        key = short_name(given)
        if key in MODELS[name].model_fields and key != "name":
            model[key] = value
        elif key in Training.model_fields:
            training[key] = str(value) if key == "pattern" else value  # 1011 in a name looks like a number
        else:
            known = [one for one in (*MODELS[name].model_fields, *Training.model_fields) if one != "name"]
            raise unknown(f"argument of {name}", given, known, "model_args")
    return model, training


def sweep_variants(
    names: Sequence[str], args: Mapping[str, Any], category: str | None, categories: Mapping[str, Any]
) -> list[Variant]:
    """Every model with every combination of arguments, of which a list stands for several values.

    Args:
        names: of models.
        args: arguments of all of them.
        category: the argument in which models are compared; else the first one that has several values.
        categories: for each category its values.

    Raises:
        BadInput: for anything that does not exist.
    """
    whole = dict(args)
    if category:
        if category not in categories:
            raise unknown("category", category, categories, "category")
        given = whole.get(category)
        whole[category] = given if isinstance(given, list) else list(categories[category])
    else:
        category = next((key for key, value in whole.items() if isinstance(value, list) and len(value) > 1), None)
    found = []
    for name in names:
        for one in args_product(whole):
            text = starred(one, category) if category else format_args(one)
            found.append(Variant.of(name, one, format_args(one), text, category or ""))
    return found


def test_space(name: str, config: Mapping[str, Any], statuses: Sequence[str]) -> tuple[Space, list[str]]:
    """The tests of an experiment, and the states of the model that it needs.

    Args:
        name: of the experiment.
        config: its entry in `experiment_config`: data_loader, data_args, parameter, and perhaps status.
        statuses: the states of the model, where the experiment does not say.

    Raises:
        BadInput: for an entry that cannot be.
    """
    where = f"experiment_config.{name}"
    for key in ("data_loader", "parameter"):
        if key not in config:
            raise BadInput(f"experiment '{name}' has no '{key}'", where=where, hint="see config_experiments.yaml")
    own = config.get("status", list(statuses))
    chosen = [str(one) for one in (own if isinstance(own, list | tuple) else [own])]
    over_status = str(config["parameter"]) in ("epoch", "status")
    space = qd.points([])
    for args in args_product(read_mapping(config.get("data_args"), f"{where}.data_args")):
        for status in chosen:
            one = one_test(str(config["data_loader"]), args, status, f"{where}.data_args")
            shown = "trained-epoch=*" if over_status else status
            space = space + one.label(experiment=name, statuses=shown)
    return space, chosen


def one_test(loader: str, args: Mapping[str, Scalar], status: str, where: str, text: str | None = None) -> Space:
    """The point of one test, with its labels for names of files."""
    own = {key: value for key, value in args.items() if key in OF_TEST}
    rest = {key: value for key, value in args.items() if key not in OF_TEST}
    try:
        made = make_loader(loader, rest)
    except BadInput as error:
        error.where = where
        raise
    values = {"loader": made.model_dump(), "status": status, **own}
    shown = in_name(format_args(args) if text is None else text, "data")
    return qd.points([values]) * qd.label(data_loader=loader, data_args=shown, after=after(status))


def after(status: str) -> str:
    """The training that a state of the model comes from: "" for a whole one, "-epoch=5", or "init" for none."""
    return status if status == "init" else status.removeprefix("trained").removesuffix("-best")


def add_files(wanted: Wanted, files: Iterable[str]) -> None:
    """Add what the names of files ask for. They stand first: a run that others ask for too has the name asked for."""
    for path in files:
        asked = parse_name(path)
        if asked is not None:
            _add_file(wanted, asked, is_kept=path.endswith("_test_responses.pt"))


def _add_file(wanted: Wanted, asked: Asked, *, is_kept: bool) -> None:
    variant = Variant.of(asked.model_name, parse_args(asked.model_args), asked.model_args)
    wanted.variants.append((variant, (asked.seed,), seeds_text([asked.seed])))
    wanted.data.append(asked.data_name)
    wanted.after.append(after(asked.status))
    if asked.data_loader is not None and asked.data_group is not None:
        args = parse_args(asked.data_args)
        test = one_test(asked.data_loader, args, asked.status, "data_args", asked.data_args)
        wanted.tests.append(test.label(experiment="", statuses=asked.status))
        wanted.groups.append((asked.data_name, asked.data_group))
        if is_kept:
            labels = {**variant.key, "data_loader": asked.data_loader, "data_args": in_name(asked.data_args, "data")}
            wanted.kept.append(qd.points([{}]).label(**labels, statuses=asked.status))


def add_models(wanted: Wanted, variants: Sequence[Variant], seeds: Sequence[int | str]) -> None:
    """Add models, each with every seed."""
    read = read_seeds(seeds)
    wanted.variants += [(one, read, seeds_text(read)) for one in variants]


def add_data(wanted: Wanted, names: Sequence[str], groups: Sequence[str]) -> None:
    """Add data sets, each with every group."""
    wanted.data += names
    wanted.groups += [(name, group) for name in names for group in groups]


def add_experiments(wanted: Wanted, experiments: Mapping[str, Mapping[str, Any]], statuses: Sequence[str]) -> None:
    """Add experiments, for models in some states, where they do not say in which."""
    wanted.after.append("")
    categories = dict.fromkeys(variant.labels["category"] for variant, _, _ in wanted.variants)
    for name, config in experiments.items():
        tests, own = test_space(name, config, statuses)
        wanted.tests.append(tests)
        wanted.after += [after(one) for one in own]
        wanted.experiments += [experiment_points(name, config, category) for category in categories]


def to_spaces(
    wanted: Wanted, data_groups: Mapping[str, Any], mounted: Mapping[str, str], *, keep: bool
) -> dict[str, Space]:
    """The points of all tasks."""
    data = list(dict.fromkeys(wanted.data))
    init, train = qd.points([]), qd.points([])
    for variant, seeds, text in _distinct(wanted.variants):
        model = qd.points([{"model": variant.model.model_dump()}]).label(**variant.labels, seeds=text)
        init = init + model * qd.grid(seed=list(seeds))
    for variant in {tuple(one.key.values()): one for one, _, _ in reversed(wanted.variants)}.values():
        for whence in dict.fromkeys(one for one in wanted.after if one != "init"):
            epochs = {"epochs": int(whence.partition("=")[2])} if whence else {}
            point = qd.points([{**variant.training, **epochs}])
            train = train + point.label(**variant.key, after=whence)
    groups = [
        {"data_name": name, "data_group": group, "classes": classes_of(name, group, data_groups)}
        for name, group in dict.fromkeys(wanted.groups)
    ]
    return {
        "raw": qd.points([{"data_name": name, "mounted": mounted.get(name)} for name in data]),
        "group": qd.points(groups),
        "init": init,
        "train": train,
        "test": sum(wanted.tests, qd.points([])),
        "kept": qd.points([{}]) if keep else sum(wanted.kept, qd.points([])),
        "aggregate": sum(wanted.experiments, qd.points([])),
    }


def _distinct(
    variants: Sequence[tuple[Variant, tuple[int, ...], str]],
) -> list[tuple[Variant, tuple[int, ...], str]]:
    """Each variant once for the same labels."""
    return list({(*one.labels.values(), text): (one, seeds, text) for one, seeds, text in variants}.values())


def classes_of(data_name: str, group: str, data_groups: Mapping[str, Any]) -> list[str] | None:
    """The classes of a group; None for all.

    Raises:
        BadInput: for a group that the data set does not have, or one of no classes.
    """
    groups = data_groups.get(data_name) or {}
    if group not in groups:
        if group == "all":
            return None
        raise unknown(f"data group of {data_name}", group, ["all", *groups], "data_group")
    classes = groups[group]
    if group != "all" and not classes:
        raise BadInput(
            f"the data group '{group}' of {data_name} has no class", where=f"data_groups.{data_name}.{group}"
        )
    return [str(one) for one in classes] if classes else None


def experiment_points(name: str, config: Mapping[str, Any], category: str) -> Space:
    """What the figures of an experiment need to know of it."""
    parameter = str(config["parameter"])
    measure = str(config.get("measure", focus(parameter)))
    point = {
        "parameter": "epoch" if parameter == "status" else parameter,
        "category_name": short_name(category),
        "focus": measure,
    }
    return qd.points([point]).label(experiment=name, category=category)


def check_status(statuses: Sequence[str]) -> None:
    """Whether there can be such states of a model.

    Raises:
        BadInput: where not.
    """
    for status in statuses:
        if not re.fullmatch(STATUS, status):
            raise BadInput(
                f"a model has no status '{status}'",
                where="status",
                hint="known: init, trained, trained-best, trained-epoch=N",
            )


def read_seeds(given: Sequence[int | str]) -> tuple[int, ...]:
    """Seeds, which users write as in the names of files: "0001".

    Raises:
        BadInput: for one that is no number, or twice the same.
    """
    seeds = []
    for one in given:
        if not str(one).isdecimal():
            raise BadInput(f"the seed '{one}' is no whole number", where="seed", hint="seed=0001,0002")
        seeds.append(int(one))
    if len(set(seeds)) < len(seeds):
        raise BadInput("a seed stands twice", where="seed")
    return tuple(seeds)


def find_experiments(names: Sequence[str], known: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Experiments by name: one whose entry is a list stands for several, and each has a twin with `ffonly`.

    Raises:
        BadInput: for one that does not exist.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for name in names:
        base = name.removesuffix(TWIN)
        entry = known.get(name, known.get(base))
        if entry is None:
            raise unknown("experiment", name, known, "experiment")
        if isinstance(entry, list):
            suffix = "" if name in known else TWIN
            found |= find_experiments([f"{one}{suffix}" for one in entry], known)
        elif name in known:
            found[name] = entry
        else:
            args = read_mapping(entry.get("data_args"), f"experiment_config.{base}.data_args")
            found[name] = {**entry, "data_args": {**args, "ffonly": True}}
    return found
