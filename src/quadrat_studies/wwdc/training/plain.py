"""Trainings by plain Hydra: Lightning's own loop, with the loggers and callbacks that the configuration names."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from quadrat.ml.lightning import close_loggers

from .. import preparing
from ..catalog import reading
from ..fronts import Front
from ..inference import encoding
from ..instantiating import make
from ..params import Tree
from ..products import find_vae, write_info
from . import fitting, loading

TRAIN = "python -m quadrat_studies.wwdc.train -cn"


def train_vae(front: Front) -> float:
    """Train a VAE, and keep its best checkpoint with an info file; returns the validation loss."""
    catalog = reading.ensure(front.spec, front.catalog)
    job, tree = preparing.prepare_vae(front.loader, front.seed, catalog)
    ckpt = _fit(front, job, tree, seed=front.seed)
    return _told(front, ckpt, {"vae_fp": None})


def train_flow(front: Front) -> float:
    """Train a flow on the VAE that the configuration names; returns the validation loss.

    Raises:
        BadInput: the VAE has no checkpoint (says what to run).
    """
    vae = vae_checkpoint(front)
    catalog = reading.ensure(front.spec, front.catalog)
    data = preparing.flow_data(front.spec, catalog, latents_of(vae, catalog), front.drop, front.loader)
    job, tree = preparing.prepare_flow(front.loader, front.seed, vae, data)
    dropped = list(front.drop)
    ckpt = _fit(front, job, tree, seed=front.seed, drop_variables=dropped)
    job.loader.load_state_dict(loading.read(ckpt)["state_dict"])
    loss = preparing.test_loss(job.loader, data, front.seed)
    return _told(front, ckpt, {"vae_fp": str(vae), "drop_variables": dropped, "test_loss": loss})


def vae_checkpoint(front: Front) -> Path:
    """The checkpoint of the VAE that a flow's configuration names.

    Raises:
        BadInput: it is not there (says what to run), or cannot be told from others.
    """
    given = Path(front.job.get("lightning_loader.vae_ckpt_path") or front.job.get("paths.vae_ckpt_dir"))
    name = front.job.name.replace("FLOW", "VAE").replace("/embed", "/train")
    return find_vae(given, f"{TRAIN} {name} -m").resolve()


def latents_of(vae: Path, catalog: Any) -> encoding.Latents:
    """The latents of a catalog: computed once, and kept beside the checkpoint's folder for every other job.

    They are named by what is in the checkpoint: one that was written anew under the same name is another VAE.
    """
    with vae.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()[:8]
    kept = vae.parent.parent / "embeddings" / f"{vae.stem}_{digest}_latents.safetensors"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        encoding.encode(loading.vae_of(vae), reading.pixels(catalog)).save_whole(kept)
    return encoding.open_latents(kept)


def _fit(front: Front, job: fitting.Job, tree: Tree, **more: Any) -> Path:
    """Train with the configuration's own loggers and checkpoint; returns the best checkpoint, completed."""
    front.use_id()
    callbacks = [make(one, "trainer.callbacks") for one in front.job.get("trainer.callbacks") or []]
    loggers = [make(one, "trainer.logger") for one in front.job.get("trainer.logger") or []]
    trainer = {**front.trainer, "callbacks": None, "logger": None}
    with fitting.quiet():
        made = make(trainer, "trainer", callbacks=callbacks, logger=loggers or False, **fitting.common_options())
        resume = front.job.get("trainer_ckpt_path")
        made.fit(job.loader, job.train, job.val, ckpt_path=resume, weights_only=False if resume else None)
    close_loggers(loggers)
    best = Path(made.checkpoint_callback.best_model_path)
    kept = torch.load(best, map_location="cpu", weights_only=False)
    scores = [one for one in kept["callbacks"].values() if "best_model_score" in one]
    value = float(scores[0]["current_score"])
    whole = {**kept, "lightning_loader": tree, "val_loss": value, "callbacks": _plain(kept["callbacks"]), **more}
    waiting = best.with_suffix(".tmp")
    torch.save(whole, waiting)
    waiting.replace(best)
    return best


def _plain(callbacks: Tree) -> Tree:
    return {
        name: {key: str(value) if isinstance(value, Path) else value for key, value in state.items()}
        for name, state in callbacks.items()
    }


def _told(front: Front, ckpt: Path, made_of: Tree) -> float:
    kept = loading.read(ckpt)
    numbers = {"seed": front.seed, "epoch": int(kept["epoch"]), "val_loss": float(kept["val_loss"])}
    info = {**front.info(), "model_fp": str(ckpt), **made_of, **numbers}
    write_info(ckpt.with_name(f"{ckpt.stem}_info.yaml"), info)
    return float(kept["val_loss"])
