"""Embeddings by plain Hydra, with what its trainings have left."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..catalog import reading
from ..fronts import Front
from ..products import find_flow, write_info
from ..training import loading
from ..training.plain import TRAIN, latents_of
from . import embedding


def embed_job(front: Front) -> float:
    """Embed the configuration's splits with the flow of the same sweep and seed; returns the mean log p (nats).

    Raises:
        BadInput: there is no such flow (says what to run), or a split is empty.
    """
    command = f"{TRAIN} {front.job.name.replace('/embed', '/train')} -m"
    info = find_flow(front.folder / "ckpts", front.drop, front.seed, command)
    flow, vae = Path(info["model_fp"]), Path(info["vae_fp"])
    catalog = reading.ensure(front.spec, front.catalog)
    conditions = reading.conditions(catalog, front.spec, front.drop)
    splits = front.job.get("splits") or ["test"]
    told = {**info, **front.info()}
    about = {name: told[name] for name in ("job_id", "vae_fp", "model_fp", "drop_variables", "seed")}
    dataset = embedding.embed(
        loading.load(flow), catalog, latents_of(vae, catalog), conditions, splits, front.seed, about
    )
    path = front.folder / "embeddings" / f"{front.job_id}.zarr"
    waiting = path.with_name(f".{path.name}")
    embedding.write(dataset, waiting)
    shutil.rmtree(path, ignore_errors=True)
    waiting.rename(path)
    write_info(path.with_name(f"{front.job_id}_info.yaml"), told)
    return float(dataset.log_prob.mean())
