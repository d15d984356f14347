"""The study `wwdc`: a conditional flow on the latents of a VAE, what its embeddings still tell, what is anomalous.

`catalog → vae → latents → flow → embed → stat_test, anomaly, learning`, figures of them, and the page of the sweep. The
science is in the modules beside this file; they are imported inside the tasks, so that planning needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import quadrat as qd

from .params import Catalog, Detecting, Embedding, FlowTraining, Learning, Testing, VaeTraining
from .results import Detected, Embedded, Encoded, Fitted, FlowFitted, Learned, Made, Page, Pictures, Tested, VaePictures

study = qd.Study(
    "wwdc",
    preload=[
        "torch",
        "lightning.pytorch",
        "zuko",
        "xarray",
        "zarr",
        "safetensors.torch",
        "matplotlib.figure",
        "sklearn",
    ],
)


@study.space
def request(
    experiment: str = "RGBDIGITS_FLOW",
    vae_experiment: str | None = None,
    config_dir: str | None = None,
    overrides: list[str] = [],  # noqa: B006 - the study's settings; never changed
    vae_overrides: list[str] = [],  # noqa: B006
) -> dict[str, qd.Space]:
    """An experiment folder, composed by Hydra: the jobs of its sweep on the VAE that belongs to it."""
    from . import experiments

    found = experiments.read(experiment, vae_experiment, config_dir, overrides, vae_overrides)
    names = qd.label(**found.names)
    made = {"catalog": [found.catalog], "vae": found.vaes, "flow": found.flows}
    made |= {task: [tree] for task, tree in found.analysis.items()}
    return {task: qd.points(points) * names if task == "vae" else qd.points(points) for task, points in made.items()}


@study.task(memory="4GB", walltime="30m")
def catalog(params: Catalog, run: qd.Run) -> Made:
    """Make the data: digits in colour, rotated and scaled, with the factors that made them."""
    from . import tasks

    return Made(**tasks.make_catalog(params, run))


@study.check(catalog)
def data_at_hand(params: Catalog) -> None:
    """Say at once, before anything runs, where the data would have to be, and that no split is empty."""
    from .catalog import sources

    sources.check(params.source)
    shares = {"val": params.val_share, "test": params.test_share, "train": 1 - params.val_share - params.test_share}
    for split, share in shares.items():
        if share < 1e-9:
            told = ", ".join(f"{name} {max(0.0, each):g}" for name, each in shares.items())
            raise qd.BadInput(
                f"the split '{split}' would be empty",
                where="data.catalog.val_share, test_share",
                hint=f"shares of the normal digits: {told}",
            )


@study.task(memory="4GB", walltime="4h")
def vae(params: VaeTraining, catalog: qd.Done[Catalog, Made], run: qd.Run) -> Fitted:
    """Train a VAE on the images."""
    from . import tasks

    return Fitted(**tasks.train_vae(params, catalog.params, catalog.result.zarr, run))


@study.task(memory="4GB", walltime="1h")
def latents(vae: qd.Done[VaeTraining, Fitted], catalog: qd.Done[Catalog, Made], run: qd.Run) -> Encoded:
    """Encode all images: one pass for all flows and all embeddings."""
    from . import tasks

    return Encoded(**tasks.encode(vae.result.ckpt, catalog.result.zarr, run))


@study.task(memory="4GB", walltime="4h")
def flow(
    params: FlowTraining,
    latents: qd.Done[Any, Encoded],
    vae: qd.Done[VaeTraining, Fitted],
    catalog: qd.Done[Catalog, Made],
    run: qd.Run,
) -> FlowFitted:
    """Train a conditional flow on the latents."""
    result: FlowFitted
    ((_, result),) = flow_many([params], latents, vae, catalog, [run])
    return result


@study.batch(flow, varies=["lr", "seed", "told"], limit=16)
def flow_many(
    params: list[FlowTraining],
    latents: qd.Done[Any, Encoded],
    vae: qd.Done[VaeTraining, Fitted],
    catalog: qd.Done[Catalog, Made],
    runs: list[qd.Run],
) -> Iterator[tuple[qd.Run, FlowFitted]]:
    """Train flows that differ in seed and learning rate side by side."""
    from . import tasks

    files = {"catalog": catalog.result.zarr, "vae": vae.result.ckpt, "latents": latents.result.latents}
    for run, values in tasks.train_flows(params, catalog.params, files, runs):
        yield run, FlowFitted(**values)


@study.task(memory="4GB", walltime="1h")
def embed(
    params: Embedding,
    flow: qd.Done[FlowTraining, FlowFitted],
    latents: qd.Done[Any, Encoded],
    vae: qd.Done[VaeTraining, Fitted],
    catalog: qd.Done[Catalog, Made],
    run: qd.Run,
) -> Embedded:
    """Compute z, u and log p(z | context) of the samples of some splits."""
    from . import tasks

    files = {"catalog": catalog.result.zarr, "vae": vae.result.ckpt, "latents": latents.result.latents}
    return Embedded(**tasks.embed(params, flow, catalog.params, files, run))


@study.task(memory="4GB", walltime="1h")
def stat_test(params: Testing, embed: qd.Done[Embedding, Embedded], run: qd.Run) -> Tested:
    """Test whether u is standard normal, and which factors are still in it."""
    from . import asking

    return Tested(**asking.test(params, embed.result.zarr, run))


@study.task(memory="4GB", walltime="1h")
def anomaly(params: Detecting, embed: qd.Done[Embedding, Embedded], run: qd.Run) -> Detected:
    """Ask detectors for the anomalies."""
    from . import asking

    return Detected(**asking.detect(params, embed.result.zarr, run))


@study.task(memory="4GB", walltime="1h")
def learning(params: Learning, embed: qd.Done[Embedding, Embedded], run: qd.Run) -> Learned:
    """Learn to find anomalies from few labels."""
    from . import asking

    return Learned(**asking.learn(params, embed.result.zarr, run))


@study.task(memory="4GB", walltime="30m")
def vae_pictures(
    vae: qd.Done[VaeTraining, Fitted], latents: qd.Done[Any, Encoded], catalog: qd.Done[Catalog, Made], run: qd.Run
) -> VaePictures:
    """Draw reconstructions, and maps of the latents."""
    from . import drawing

    return VaePictures(**drawing.draw_vae(vae.result.ckpt, latents.result.latents, catalog.result.zarr, run))


@study.task(memory="4GB", walltime="30m")
def pictures(
    flow: Annotated[qd.Many[FlowTraining, FlowFitted], qd.over("flow.seed", missing="drop")],
    embed: Annotated[qd.Many[Embedding, Embedded], qd.over("flow.seed", missing="drop")],
    anomaly: Annotated[qd.Many[Detecting, Detected], qd.over("flow.seed", missing="drop")],
    run: qd.Run,
) -> Pictures:
    """Draw the figures of one sweep."""
    from . import drawing

    return Pictures(**drawing.draw_sweep(flow[0], embed[0], anomaly, run))


@study.task(version=2, memory="4GB", walltime="30m")
def page(
    flow: Annotated[qd.Many[FlowTraining, FlowFitted], qd.by("data_name", "experiment_name", missing="drop")],
    stat_test: Annotated[qd.Many[Testing, Tested], qd.by("data_name", "experiment_name", missing="drop")],
    anomaly: Annotated[qd.Many[Detecting, Detected], qd.by("data_name", "experiment_name", missing="drop")],
    learning: Annotated[qd.Many[Learning, Learned], qd.by("data_name", "experiment_name", missing="drop")],
    run: qd.Run,
) -> Page:
    """Write the page of the sweep."""
    from . import drawing

    return Page(**drawing.write_page(flow, (stat_test, anomaly, learning), run))


_FLOW = "{data_name}/{experiment_name}/"
_VAE = "{data_name}/{vae_name}/"
study.view(catalog, "{data_name}/{catalog_name}.zarr", artifact="zarr")
for _task, _folder in ((vae, _VAE), (flow, _FLOW)):
    study.view(_task, _folder + "ckpts/{id:.8}.ckpt", artifact="ckpt")
    study.view(_task, _folder + "ckpts/{id:.8}_info.yaml", artifact="info")
    study.view(_task, _folder + "metrics/{id:.8}", artifact="metrics")
    study.view(_task, _folder + "multiruns/{id:.8}/config.yaml", artifact="config")
study.view(embed, _FLOW + "embeddings/{flow.id:.8}_{id:.8}.zarr", artifact="zarr")
study.view(embed, _FLOW + "embeddings/{flow.id:.8}_{id:.8}_info.yaml", artifact="info")
study.view(page, _FLOW + "page.md", artifact="page")
for _name in ("scores", "detection", "learning"):
    study.view(page, f"{_FLOW}figures/{_name}.png", artifact=f"{_name}_png")
    study.view(page, f"{_FLOW}figures/{_name}.pdf", artifact=f"{_name}_pdf")

study.section("Flows on the latents of a VAE", page, "page")
study.section("Each sweep", pictures, "maps", "samples", "log_prob", "roc")
study.section("The VAE", vae_pictures, "reconstructions", "maps")
