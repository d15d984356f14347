"""Experiment folders as points of the study's tasks."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quadrat import BadInput, suggest

from .composing import SHIPPED, Composed, compose_experiment
from .context import check_context, kept_factors
from .instantiating import check_targets
from .params import SPLITS, Tree

DROP = "data.x_ds.drop_variables"


@dataclass(frozen=True)
class Experiment:
    """An experiment as points, and what its products are called by.

    Attributes:
        catalog: the definition of the data.
        vaes, flows: the trainings of the VAE and of the flows.
        analysis: the points of embed, stat_test, anomaly and learning.
        names: data_name and experiment_name of the flows and of the VAE.
    """

    catalog: Tree
    vaes: list[Tree]
    flows: list[Tree]
    analysis: dict[str, Tree]
    names: dict[str, str]


def read(
    name: str, vae_name: str | None, folder: str | None, overrides: Sequence[str], vae_overrides: Sequence[str]
) -> Experiment:
    """Read an experiment of a flow, with the one of the VAE that it stands on.

    Args:
        name: the folder, such as RGBMNIST_FLOW.
        vae_name: the folder of the VAE; None for the one of the same name with VAE in place of FLOW.
        folder: the user's configurations; None for ./conf where it has a folder `experiment`, else the shipped ones.
        overrides: of the flow's train.yaml and embed.yaml, in Hydra's grammar; those of `data.` hold
            for the VAE too, but for `data.x_ds.`.
        vae_overrides: of the VAE's configuration.

    Raises:
        BadInput: whatever is wrong in the files, with file and key.
    """
    own = user_folder(folder)
    of_training = [one for one in overrides if not one.lstrip("+~").startswith(("analysis", "splits"))]
    train = compose_experiment(own, f"experiment/{name}/train", of_training)
    embed = compose_experiment(own, f"experiment/{name}/embed", overrides)
    shared = [one for one in overrides if re.match(r"[+~]*data\.(?!x_ds)", one)]
    vae_file = f"experiment/{vae_name or name.replace('FLOW', 'VAE')}/train"
    vae = compose_experiment(own, vae_file, [*shared, *vae_overrides])
    catalog = train.get("data.catalog", {})
    _same_data(catalog, vae, train)
    names = {"experiment_name": train.get("meta.experiment_name"), "vae_name": vae.get("meta.experiment_name")}
    return Experiment(
        catalog, [_vae(*job) for job in jobs(vae)], [_flow(*job) for job in jobs(train)], _analysis(embed), names
    )


def user_folder(folder: str | None) -> Path | None:
    """The user's folder of configurations; None where there is none.

    Raises:
        BadInput: for one that is given and does not exist.
    """
    if folder:
        if not Path(folder).is_dir():
            raise BadInput(f"there is no folder '{folder}'", where="config_dir", hint=f"the shipped ones: {SHIPPED}")
        return Path(folder)
    own = Path("conf")
    return own if (own / "experiment").is_dir() else None


def _same_data(catalog: Tree, vae: Composed, train: Composed) -> None:
    other = vae.get("data.catalog", {})
    for key in {**catalog, **other}:
        if catalog.get(key) != other.get(key):
            raise BadInput(
                f"the flow and its VAE are trained on other data: {key} is {catalog.get(key)} for {train.name} and "
                f"{other.get(key)} for {vae.name}",
                where=f"{train.file_of(f'data.catalog.{key}')}: data.catalog.{key}",
                hint="a flow is trained on the latents of its own data",
            )


def jobs(composed: Composed) -> Iterator[tuple[Composed, int]]:
    """The jobs of a sweep, in Hydra's order: the configuration of each, and its number."""
    axes = composed.sweep()
    for key, choices in axes:
        if key.startswith("data.catalog") and len(choices) > 1:
            where = f"{composed.file_of('hydra.sweeper.params')}: {key}"
            hint = "run the command once for each, with a data.catalog.data_name of its own"
            raise BadInput("an experiment is of one data set: its definition cannot be swept", where=where, hint=hint)
    keys = [key for key, _ in axes]
    for number, values in enumerate(itertools.product(*(values for _, values in axes))):
        yield composed.with_values(**dict(zip(keys, values, strict=True))), number


def _vae(job: Composed, number: int) -> Tree:
    loader = loader_tree(job)
    check(job, loader)
    return {"loader": loader, "trainer": trainer_tree(job), "seed": seed_of_job(job), "told": _told(job, number)}


def _flow(job: Composed, number: int) -> Tree:
    loader = loader_tree(job)
    drop = dropped(job)
    check(job, loader, drop)
    lr = loader.pop("lr", 5e-4)
    told = _told(job, number)
    trained = {"loader": loader, "trainer": trainer_tree(job), "lr": lr, "drop_variables": drop}
    return {**trained, "seed": seed_of_job(job), "told": told}


def _analysis(embed: Composed) -> dict[str, Tree]:
    shipped = compose_experiment(None, "analysis/default")
    source = embed if embed.get("analysis") else shipped
    parts = {key: source.get(f"analysis.{key}", {}) for key in ("tests", "anomaly", "learning")}
    for key, tree in parts.items():
        with located(source):
            check_targets(tree, f"analysis.{key}")
    splits = {"splits": tuple(embed.get("splits") or ("test",))}
    for name in splits["splits"]:
        if name not in SPLITS:
            where = f"{embed.file_of('splits')}: splits"
            raise BadInput(f"the data have no split '{name}'", where=where, hint=suggest(str(name), SPLITS))
    tests = {"tests": parts["tests"]}
    return {"embed": splits, "stat_test": tests, "anomaly": parts["anomaly"], "learning": parts["learning"]}


def seed_of_job(job: Composed) -> int:
    """The seed of a job; 42 where neither the sweep nor the configuration has one."""
    seed: int = job.get("seed", 42)
    return seed


def dropped(job: Composed) -> tuple[str, ...]:
    """The factors that a job's flow is not told."""
    return tuple(job.get(DROP) or ())


def loader_tree(job: Composed) -> Tree:
    """The tree of what is trained, without the VAE's checkpoint: which that is, the front door says."""
    tree: Tree = job.without("lightning_loader", "vae_ckpt_path")
    return tree


def trainer_tree(job: Composed) -> Tree:
    """The tree of Lightning's trainer, without loggers and callbacks."""
    tree: Tree = job.without("trainer", "logger", "callbacks")
    return tree


def check(job: Composed, loader: Tree, drop: Sequence[str] | None = None) -> None:
    """What can be seen to be wrong before anything is imported.

    Raises:
        BadInput: a target that is not there, a factor that the data lack, a context of another size.
    """
    with located(job):
        if "_target_" not in loader:
            raise BadInput("there is no _target_", where="lightning_loader", hint="wwdc.training.lightning_loaders.…")
        check_targets(loader, "lightning_loader")
        check_targets(trainer_tree(job), "trainer")
        if drop is not None:
            factors = kept_factors(drop)
            check_context((loader.get("flow") or {}).get("context"), job.get("data.catalog.classes", 10), factors)


@contextmanager
def located(job: Composed) -> Iterator[None]:
    """Say the file beside the key, in errors that name a key."""
    try:
        yield
    except BadInput as error:
        key = error.where or ""
        file = job.file_of(key)
        if key == DROP and file == job.name:  # set by the sweep
            file = job.file_of("sweeps")
        raise BadInput(error.message, where=f"{file}: {key}", hint=error.hint) from None


def _told(job: Composed, number: int) -> Tree:
    entry = sweep_entry(job)
    return {**entry, "job_num": number, "loggers": job.loggers()}


def sweep_entry(job: Composed) -> dict[str, str]:
    """param, val and description of the sweep that a job belongs to; empty ones where none fits."""
    drop = list(dropped(job))
    for entry in (job.get("sweeps") or {}).values():
        if isinstance(entry, Mapping) and entry.get("param") == DROP.removeprefix("data."):
            try:
                same = json.loads(str(entry.get("val"))) == drop
            except ValueError:
                same = False
            if same:
                return {key: str(entry.get(key, "")) for key in ("param", "val", "description")}
    return {"param": DROP.removeprefix("data."), "val": json.dumps(drop), "description": ""} if drop else {}
