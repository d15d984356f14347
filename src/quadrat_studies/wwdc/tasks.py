"""What the tasks of training and embedding do with their runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

import quadrat as qd
from quadrat.ml.lightning import drop_links

from . import preparing
from .catalog import reading
from .inference import embedding, encoding
from .instantiating import make
from .params import Catalog, Embedding, FlowTraining, Told, Tree, VaeTraining
from .products import write_info
from .training import fitting, lanes, loading


def make_catalog(params: Catalog, run: qd.Run) -> dict[str, Any]:
    """Make the data."""
    path = qd.Folder(run.file("catalog.zarr"))
    dataset = reading.build(params, path)
    return {"zarr": path, **{name: len(reading.rows(dataset, name)) for name in dataset.split.attrs["names"]}}


def train_vae(params: VaeTraining, spec: Catalog, catalog: Path, run: qd.Run) -> dict[str, Any]:
    """Train a VAE."""
    job, tree = preparing.prepare_vae(
        params.loader, params.seed, reading.open_catalog(catalog), _loggers(params.told, run)
    )
    (fitted,) = fitting.fit([job], params.trainer, run.scratch, _teller([run], params.trainer))
    kept = _keep(run, spec, params.trainer, tree, fitted, seed=params.seed)
    write_info(
        kept["info"],
        {**_info(params.told, run), "vae_fp": None, "model_fp": f"{run.id[:8]}.ckpt", **_numbers(params.seed, fitted)},
    )
    return {"val_loss": fitted.val_loss, "epoch": fitted.epoch, **kept}


def encode(ckpt: Path, catalog: Path, run: qd.Run) -> dict[str, Any]:
    """Pass all images through the VAE, once."""
    latents = encoding.encode(loading.vae_of(ckpt), reading.pixels(reading.open_catalog(catalog)))
    file = run.file("latents.safetensors")
    latents.save(file)
    return {"latents": file, "active": int((latents.mean.var(0) > 0.05).sum())}


def train_flows(
    params: Sequence[FlowTraining], spec: Catalog, files: Mapping[str, Path], runs: Sequence[qd.Run]
) -> Iterator[tuple[qd.Run, dict[str, Any]]]:
    """Train flows, side by side where that gives the same numbers.

    Args:
        params: the trainings, which may differ in seed and learning rate.
        spec: the definition of the catalog.
        files: the paths of catalog, vae and latents.
        runs: as many.
    """
    catalog, latents = reading.open_catalog(files["catalog"]), encoding.open_latents(files["latents"])
    prepared = []
    for one, run in zip(params, runs, strict=True):
        tree = {**one.loader, "lr": one.lr}
        data = preparing.flow_data(spec, catalog, latents, one.drop_variables, tree)
        prepared.append((data, *preparing.prepare_flow(tree, one.seed, files["vae"], data, _loggers(one.told, run))))
    together = lanes.fits_together([job.loader for _, job, _ in prepared], params[0].trainer)
    everyone = range(len(runs))
    for members in [everyone] if together else [[number] for number in everyone]:
        chosen = [runs[number] for number in members]
        made = fitting.fit(
            [prepared[number][1] for number in members],
            params[0].trainer,
            _scratch(chosen),
            _teller(chosen, params[0].trainer),
        )
        for number, fitted in zip(members, made, strict=True):
            made_of = spec, files["vae"]
            yield runs[number], _finish_flow(params[number], made_of, prepared[number], fitted, runs[number])


def _finish_flow(
    params: FlowTraining, made_of: tuple[Catalog, Path], prepared: Any, fitted: fitting.Fit, run: qd.Run
) -> dict[str, Any]:
    spec, vae = made_of
    data, job, tree = prepared
    job.loader.load_state_dict(fitted.state)
    loss = preparing.test_loss(job.loader, data, params.seed)
    dropped = list(params.drop_variables)
    kept = _keep(run, spec, params.trainer, tree, fitted, seed=params.seed, drop_variables=dropped)
    made_from = {"vae_fp": str(vae), "model_fp": f"{run.id[:8]}.ckpt", "drop_variables": dropped}
    numbers = {**_numbers(params.seed, fitted), "test_loss": loss}
    write_info(kept["info"], {**_info(params.told, run), **made_from, **numbers})
    return {"val_loss": fitted.val_loss, "test_loss": loss, "epoch": fitted.epoch, **kept}


def embed(
    params: Embedding, flow: qd.Done[Any, Any], spec: Catalog, files: Mapping[str, Path], run: qd.Run
) -> dict[str, Any]:
    """Embed splits with one flow."""
    loader, ckpt = loading.load(flow.result.ckpt), loading.read(flow.result.ckpt)
    catalog, latents = reading.open_catalog(files["catalog"]), encoding.open_latents(files["latents"])
    info = yaml.safe_load(flow.result.info.read_text(encoding="utf-8"))
    conditions = reading.conditions(catalog, spec, flow.params.drop_variables)
    info |= {"job_id": run.id[:8], "vae_fp": str(files["vae"]), "model_fp": str(flow.result.ckpt)}
    about = {name: info[name] for name in ("job_id", "vae_fp", "model_fp", "drop_variables", "seed")}
    dataset = embedding.embed(loader, catalog, latents, conditions, params.splits, ckpt["seed"], about)
    path, note = qd.Folder(run.file("embeddings.zarr")), run.file("info.yaml")
    embedding.write(dataset, path)
    write_info(note, info)
    test = reading.rows(dataset, "test")
    log_prob = dataset.log_prob.values[test if len(test) else slice(None)]
    return {"samples": dataset.sizes["sample"], "log_prob": float(log_prob.mean()), "zarr": path, "info": note}


def _loggers(told: Told, run: qd.Run) -> list[Any]:
    folder = Path(run.file("metrics"))
    folder.mkdir(parents=True, exist_ok=True)
    return [make(tree, "logger", save_dir=str(folder), name="", version="") for tree in told.loggers]


def _scratch(runs: Sequence[qd.Run]) -> Path:
    """The folder to go on from: of the first run, and of this very set of runs."""
    folder = runs[0].scratch / "-".join(run.id[:8] for run in runs)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _teller(runs: Sequence[qd.Run], trainer: Tree) -> fitting.Tell:
    def tell(lane: int, epoch: int, values: dict[str, float]) -> None:
        runs[lane].log(epoch, **values)
        runs[lane].progress(epoch, trainer.get("max_epochs"), "epochs")

    return tell


def _keep(run: qd.Run, spec: Catalog, trainer: Tree, tree: Tree, fitted: fitting.Fit, **more: Any) -> dict[str, Any]:
    ckpt, config = run.file("model.ckpt"), run.file("config.yaml")
    drop_links(run.file("metrics"))
    fitting.save(ckpt, tree, fitted, **more)
    whole = {"data": {"catalog": spec.model_dump(mode="json")}, "lightning_loader": tree, "trainer": trainer, **more}
    config.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    return {"ckpt": ckpt, "config": config, "info": run.file("info.yaml"), "metrics": qd.Folder(run.file("metrics"))}


def _info(told: Told, run: qd.Run) -> dict[str, Any]:
    named = {"param": told.param, "val": told.val, "description": told.description}
    return {**named, "job_id": run.id[:8], "job_num": told.job_num}


def _numbers(seed: int, fitted: fitting.Fit) -> dict[str, Any]:
    return {"seed": seed, "epoch": fitted.epoch, "val_loss": fitted.val_loss}
