"""The experiment file: targets and samplers with presets and overrides, made into the parameters of runs.

Nothing here imports JAX: planning is light.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import pydantic
from pydantic import Field

from quadrat import BadInput, Params, suggest

from .params import SAMPLERS, Data, Model, Posterior, Sampler, Teacher, Training
from .presets import PRESETS
from .shapes import check_model, check_sampler, check_teacher

Path = tuple[str, ...]
Tree = dict[str, Any]
P = TypeVar("P", bound=Params)

_PARTS: dict[str, type[Params]] = {"model": Model, "data": Data, "teacher": Teacher, "training": Training}
_SAMPLER_KEYS = ("name", "overrides", "posterior", "seed", "chains")


def resolve_targets(
    entries: Sequence[Mapping[str, Any]],
    presets: Mapping[str, Mapping[str, Mapping[str, Any]]],
    training: Mapping[str, Any],
    jax_enable_x64: bool,
) -> list[Tree]:
    """The parameters of every target; an option with a list of values gives a target for each.

    Args:
        entries: such as {model: base, data: base, teacher: _null, seed: 42, overrides: {model: {depth: 6}}}.
        presets: presets of the file's own, beside the shipped ones: {model: {tiny: {…}}}.
        training: what all targets have, unless they say otherwise.
        jax_enable_x64: whether they are trained in float64.

    Raises:
        BadInput: naming the place in the file.
    """
    found = []
    for number, entry in enumerate(entries):
        where = ("targets", str(number))
        _check_keys(entry, [*_PARTS, "seed", "overrides"], where)
        overrides = _mapping(entry.get("overrides"), (*where, "overrides"))
        _check_keys(overrides, [*_PARTS, "seed"], (*where, "overrides"))
        tree: Tree = {"jax_enable_x64": jax_enable_x64}
        for part, kind in _PARTS.items():
            below = dict(training) if part == "training" else {}
            preset = _preset(
                part, entry.get(part, "small" if part in ("model", "data") else None), presets, (*where, part)
            )
            own = _mapping(overrides.get(part), (*where, "overrides", part))
            _check_keys(own, kind.model_fields, (*where, "overrides", part))
            if part == "model":  # what a preset does not say is as the class says, not as in the default model
                below = {"widths": None, "target_params": None}
            tree[part] = (
                None if preset is None and not own and part == "teacher" else {**below, **(preset or {}), **own}
            )
        if "seed" in entry or "seed" in overrides:
            tree["seed"] = overrides.get("seed", entry.get("seed"))
        _depth_from_widths(tree["model"], overrides.get("model") or {})
        made = _expanded(tree, where)
        for one in made:
            _check_target(one, where)
        found += made
    return found


def resolve_samplers(
    entries: Sequence[Mapping[str, Any]], posterior: Mapping[str, Any], jax_enable_x64: bool
) -> list[Tree]:
    """The parameters of every sampler run; an option with a list of values gives a run for each.

    Args:
        entries: such as {name: sgld, overrides: {step_size: 1e-6, posterior: {gamma: 10}}, seed: 1, chains: 8}.
        posterior: what all have, unless they say otherwise.
        jax_enable_x64: whether there is float64.

    Raises:
        BadInput: naming the place in the file.
    """
    _check_keys(posterior, Posterior.model_fields, ("posterior",))
    _check_localisation(posterior, ("posterior",))
    found = []
    for number, entry in enumerate(entries):
        where = ("samplers", str(number))
        _check_keys(entry, _SAMPLER_KEYS, where)
        name = entry.get("name")
        if name not in SAMPLERS:
            raise _unknown("sampler", name, list(SAMPLERS), (*where, "name"))
        kind = SAMPLERS[name]
        overrides = _mapping(entry.get("overrides"), (*where, "overrides"))
        tempering = [name for name in Posterior.model_fields if name not in kind.model_fields]
        _check_keys(
            overrides, [*kind.model_fields, *tempering, "posterior"], (*where, "overrides"), f"option of {name}"
        )
        own = {
            **_mapping(entry.get("posterior"), (*where, "posterior")),
            **_mapping(overrides.get("posterior"), (*where, "overrides", "posterior")),
            **{key: value for key, value in overrides.items() if key in tempering},
        }
        _check_keys(own, Posterior.model_fields, (*where, "overrides", "posterior"))
        _check_localisation(own, (*where, "overrides"))
        options = {key: value for key, value in overrides.items() if key in kind.model_fields}
        options |= {key: entry[key] for key in ("seed", "chains") if key in entry}
        _check_precision(name, kind, options, jax_enable_x64, where)
        made = _expanded({"sampler": {**options, "name": name}, "posterior": {**posterior, **own}}, where)
        for one in made:
            sampler = _checked(kind, one["sampler"], where, "overrides")
            _checked(Posterior, one["posterior"], where, "overrides")
            with _placed(where, "overrides"):
                check_sampler(sampler)
        found += made
    return found


def split_loss(posterior: Mapping[str, Any], training: Mapping[str, Any]) -> tuple[Tree, Tree]:
    """Posterior and training with the loss, which users set with the posterior, where it belongs: with the target."""
    rest = {key: value for key, value in posterior.items() if key != "loss"}
    if "loss" not in posterior:
        return rest, dict(training)
    if training.get("loss", posterior["loss"]) != posterior["loss"]:
        raise BadInput(
            f"posterior.loss is {posterior['loss']}, but training.loss is {training['loss']}: w₀ would be no minimum",
            where="posterior.loss",
            hint="set one of them",
        )
    return rest, {**training, "loss": posterior["loss"]}


def _preset(
    part: str, given: Any, own: Mapping[str, Mapping[str, Mapping[str, Any]]], where: Path
) -> Mapping[str, Any] | None:
    """The settings that a preset's name, or a mapping in its place, stands for."""
    if isinstance(given, Mapping):
        _check_keys(given, _PARTS[part].model_fields, where)
        return given
    known = {**PRESETS.get(part, {}), **own.get(part, {})}
    if given is None and part in ("teacher", "training"):
        return None
    if not isinstance(given, str) or given not in known:
        raise _unknown(f"preset of {part}", given, list(known), where)
    preset = known[given]
    if preset is not None:
        _check_keys(preset, _PARTS[part].model_fields, ("presets", part, given))
    return preset


def _depth_from_widths(model: Tree, own: Mapping[str, Any]) -> None:
    """An override of the size says all of it: it replaces what the preset says in another way."""
    if own.get("widths") is not None:
        model.setdefault("depth", len(own["widths"]))
        if "depth" not in own and not isinstance(own["widths"][0], list):
            model["depth"] = len(own["widths"])
        model["target_params"] = own.get("target_params")
    elif own.get("target_params") is not None:
        model["widths"] = None
    elif "depth" in own and model.get("widths") is not None:
        # The preset's width, as often as there are layers.
        depths = own["depth"] if isinstance(own["depth"], list) else [own["depth"]]
        if all(isinstance(one, int) for one in depths) and len(depths) == 1:
            model["widths"] = [model["widths"][0]] * depths[0]


def _expanded(tree: Tree, where: Path) -> list[Tree]:
    """The trees that a tree with lists of values stands for: their product."""
    axes = [(path, values) for path, values in _axes(tree, ())]
    for path, values in axes:
        if not values:
            raise BadInput(f"'{path[-1]}' is a list of no values", where=".".join((*where, *path[-1:])))
    found = []
    for chosen in itertools.product(*(values for _, values in axes)):
        made = _copied(tree)
        for (path, _), value in zip(axes, chosen, strict=True):
            inner = made
            for step in path[:-1]:
                inner = inner[step]
            inner[path[-1]] = value
        found.append(made)
    return found


def _axes(tree: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, list[Any]]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _axes(value, (*path, key))
        elif isinstance(value, list) and (key != "widths" or any(isinstance(one, list) for one in value)):
            yield (*path, key), value


def _copied(tree: Any) -> Any:
    return {key: _copied(value) for key, value in tree.items()} if isinstance(tree, Mapping) else tree


def _check_target(tree: Tree, where: Path) -> None:
    """Whether a target can be, as far as that is known without the engine: what it says has no place in the file."""
    _checked(_Seed, {"seed": tree.get("seed", 0)}, where)
    for part in ("data", "training"):
        _checked(_PARTS[part], tree[part], where, "overrides", part)
    model = _checked(Model, tree["model"], where, "overrides", "model")
    teacher = None if tree["teacher"] is None else _checked(Teacher, tree["teacher"], where, "overrides", "teacher")
    with _placed(where, "overrides"):
        check_model(model)
        if teacher:
            check_teacher(model, teacher)


class _Seed(Params):
    seed: int = Field(ge=0)


def _checked(kind: type[P], values: Mapping[str, Any], where: Path, *below: str) -> P:
    """The values as the class that they are for. Stricter rules (1 is not "1") are the engine's.

    Raises:
        BadInput: for a value that it cannot have, with its place: an option of an entry, or of its overrides.
    """
    try:
        return kind.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = [str(step) for step in first["loc"]]
        path = (*where, *name) if name[0] in ("seed", "chains") else (*where, *below, *name)
        given = "" if isinstance(first["input"], Mapping) else f", not {first['input']!r}"
        said = first["msg"][:1].lower() + first["msg"][1:]
        raise BadInput(f"'{name[-1]}': {said}{given}", where=".".join(path)) from None


@contextmanager
def _placed(where: Path, *below: str) -> Iterator[None]:
    """Put the place in the file before the name of the parameter that a check speaks of."""
    try:
        yield
    except BadInput as error:
        name = (error.where or "").removeprefix("sampler.")
        error.where = ".".join((*where, *below, *filter(None, name.split("."))))
        raise


def _check_precision(
    name: str, kind: type[Sampler], options: Mapping[str, Any], jax_enable_x64: bool, where: Path
) -> None:
    wanted = options.get("dtype", kind.model_fields["dtype"].default)
    if (
        wanted == "float32"
        and kind.model_fields["dtype"].annotation == SAMPLERS["hmc"].model_fields["dtype"].annotation
    ):
        raise BadInput(
            f"{name} needs float64: in float32 the energy's rounding errors decide which draws are accepted",
            where=".".join((*where, "overrides", "dtype")),
            hint="leave dtype away, or use sgld or vi",
        )
    if wanted == "float64" and not jax_enable_x64:
        raise BadInput(
            f"{name} works in float64, but the experiment has jax_enable_x64: false",
            where=".".join((*where, "name")),
            hint="jax_enable_x64: true; or sgld or vi with dtype: float32",
        )


def _check_localisation(own: Mapping[str, Any], where: Path) -> None:
    if own.get("gamma") is not None and own.get("prior_radius") is not None:
        raise BadInput("gamma and prior_radius are two ways to say one thing", where=".".join(where), hint="set one")


def _mapping(given: Any, where: Path) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise BadInput(f"'{where[-1]}' is {given!r}, not a mapping", where=".".join(where), hint="write {name: value}")
    return given


def _check_keys(given: Mapping[str, Any], known: Any, where: Path, kind: str = "key") -> None:
    if not isinstance(given, Mapping):
        raise BadInput(f"'{where[-1]}' is {given!r}, not a mapping", where=".".join(where), hint="write {name: value}")
    for key in given:
        if key not in known:
            raise _unknown(kind, key, list(known), (*where, str(key)))


def _unknown(kind: str, given: Any, known: list[str], where: Path) -> BadInput:
    return BadInput(f"there is no {kind} '{given}'", where=".".join(where), hint=suggest(str(given), known))
