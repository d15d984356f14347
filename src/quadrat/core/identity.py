"""Identity: the canonical, type-tagged encoding of values, and the ids made of it.

A run id is a pure function of (study, task, version, own params, upstream ids). The encoding and the tags below are
frozen: stores are never re-identified, and the tests pin ids as literals. See `docs/identity.md`.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping, Sequence, Set
from hashlib import blake2b
from pathlib import PurePath
from typing import Any

from quadrat.core.errors import BadInput

ID_BYTES = 16


def encode(value: Any) -> bytes:
    """The canonical bytes of a value: 1, 1.0, True and "1" differ, the order of keys does not matter.

    Raises:
        BadInput: for NaN, and for types that have no canonical form.
    """
    kind = type(value)
    if kind is str:
        return _text(b"s", value)
    if kind is bool:
        return b"b1;" if value else b"b0;"
    if kind is int:
        return b"i%d;" % value
    if kind is float:
        return _float(value)
    if value is None:
        return b"n;"
    if isinstance(value, Mapping):
        return _pairs((encode(key), encode(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return b"l%d:" % len(value) + b"".join(map(encode, value))
    if isinstance(value, Set):
        return b"u%d:" % len(value) + b"".join(sorted(map(encode, value)))
    if isinstance(value, enum.Enum):
        return encode(value.value)
    identity = getattr(value, "__quadrat_identity__", None)
    if identity is not None:
        return encode(identity())
    if isinstance(value, PurePath):
        return _text(b"p", str(value))
    if isinstance(value, bytes):
        return b"y%d:" % len(value) + value
    if isinstance(value, bool | int | float | str):  # subclasses, numpy's float64 among them
        return encode(next(base(value) for base in (bool, int, float, str) if isinstance(value, base)))
    if hasattr(value, "isoformat"):
        return _text(b"t", value.isoformat())
    raise BadInput(
        f"a value of type {kind.__name__} has no place in an id",
        hint="use numbers, text, booleans, lists, mappings, or a qd.Params class",
    )


def _text(tag: bytes, text: str) -> bytes:
    raw = text.encode()
    return tag + b"%d:" % len(raw) + raw


def _float(value: float) -> bytes:
    if math.isnan(value):
        raise BadInput("NaN is not a parameter", hint="leave the parameter out, or use null")
    return b"f" + repr(value + 0.0).encode() + b";"  # adding 0.0 turns -0.0 into 0.0


def _pairs(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    ordered = sorted(pairs)
    return b"d%d:" % len(ordered) + b"".join(key + item for key, item in ordered)


def digest(data: bytes) -> bytes:
    """The 16-byte hash that every id and fingerprint here is."""
    return blake2b(data, digest_size=ID_BYTES).digest()


def hash_value(value: Any) -> bytes:
    """The hash of a value's canonical encoding."""
    return digest(encode(value))


def run_prefix(study: str, task: str, version: int) -> bytes:
    """What all ids of a task's runs begin their hash with."""
    return b"quadrat.run.1;" + encode(study) + encode(task) + encode(version)


def hash_inputs(names: Sequence[str]) -> bytes:
    """The part of a run's hash that names its upstream arguments, in the order in which their ids follow."""
    return encode(list(names))


def gather_id(members: Iterable[bytes], group: Mapping[str, Any]) -> bytes:
    """The id of a group: the values that it was gathered by, and its sorted members."""
    ordered = sorted(set(members))
    return digest(b"quadrat.group.1;" + encode(group) + b"%d:" % len(ordered) + b"".join(ordered))


def run_ids(prefix: bytes, rows: Iterable[Sequence[bytes]]) -> list[bytes]:
    """The ids of many runs of one task; each row holds H(params) and then the upstream ids, 16 bytes each."""
    base = blake2b(prefix, digest_size=ID_BYTES)
    copy = base.copy
    ids = []
    for row in rows:
        hasher = copy()
        hasher.update(b"".join(row))
        ids.append(hasher.digest())
    return ids


def seed_for(purpose: str, seed: Any) -> int:
    """A 63-bit seed for one purpose, from the seed parameter alone: runs which differ elsewhere share it."""
    return int.from_bytes(digest(b"quadrat.seed.1;" + encode(purpose) + encode(seed))[:8], "big") >> 1


def inputs_digest(digests: Iterable[int]) -> int:
    """64 bits that stand for the results that a run read; their order does not matter."""
    return int.from_bytes(digest(b"".join(one.to_bytes(8, "big") for one in sorted(digests)))[:8], "big")
