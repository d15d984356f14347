"""The study `wwdc` of the design page, with trivial bodies."""

# ruff: noqa: RUF012 - pydantic copies the defaults of fields

from pathlib import Path
from typing import Annotated, Any

import quadrat as qd

study = qd.Study("wwdc")
Tree = dict[str, Any]  # a Hydra sub-tree with _target_


class Catalog(qd.Params):
    data_name: str = "COLOUR_DIGITS"
    generator_seed: int = 0


class Made(qd.Result):
    zarr: qd.File


class Vae(qd.Params):
    model: Tree = {}
    lr: float = 1e-3
    seed: int = 42


class Flow(qd.Params):
    model: Tree = {}
    drop_variables: tuple[str, ...] = ()
    lr: float = 5e-4
    seed: int = 42


class Fit(qd.Result):
    val_loss: float
    ckpt: qd.File


class Embed(qd.Params):
    split: str = "test"


class Embedded(qd.Result):
    zarr: qd.File


class Tests(qd.Params):
    tests: tuple[str, ...] = ("energy", "ks")
    seed: int = 0


class Tested(qd.Result):
    table: qd.File


class Page(qd.Result):
    html: qd.File


@study.space
def experiment(
    config_dir: Path = Path("conf"), config_name: str = "experiment/RGBMNIST_FLOW/train"
) -> dict[str, qd.Space]:
    from wwdc_conf import composed  # hydra.compose once; hydra.sweeper.params -> grid; sweeps.* -> labels

    return composed(config_dir, config_name)


@study.task()
def catalog(params: Catalog, run: qd.Run) -> Made:
    return Made(zarr=run.file("catalog"))


@study.task()
def vae(params: Vae, catalog: qd.Done[Catalog, Made], run: qd.Run) -> Fit:
    return Fit(val_loss=0.0, ckpt=run.file("vae"))


@study.task()
def flow(params: Flow, vae: qd.Done[Vae, Fit], catalog: qd.Done[Catalog, Made], run: qd.Run) -> Fit:
    return Fit(val_loss=0.0, ckpt=run.file("flow"))


@study.task()
def embed(
    params: Embed,
    flow: qd.Done[Flow, Fit],
    vae: qd.Done[Vae, Fit],
    catalog: qd.Done[Catalog, Made],
    run: qd.Run,
) -> Embedded:
    return Embedded(zarr=run.file("embedded"))


@study.task()
def stat_test(params: Tests, embed: qd.Done[Embed, Embedded], run: qd.Run) -> Tested:
    return Tested(table=run.file("table"))


@study.task()
def page(stat_test: Annotated[qd.Many[Tests, Tested], qd.over("flow.seed", "drop_variables")], run: qd.Run) -> Page:
    return Page(html=run.file("page"))
