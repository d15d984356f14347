"""Info files: what each checkpoint and each embedding was made from, beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from quadrat import BadInput

FIELDS = ("param", "val", "description", "job_id", "job_num", "vae_fp", "model_fp")
"""What an info file has at least; `seed` and losses stand behind."""


def write_info(path: Path, values: Mapping[str, Any]) -> None:
    """Write an info file: the fields of `FIELDS` in their order, then what else there is."""
    ordered = {name: values.get(name) for name in FIELDS} | dict(values)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True), encoding="utf-8")


def read_infos(folder: Path) -> list[dict[str, Any]]:
    """All info files of a folder, the newest first; a model that is named without its folder lies beside its info."""
    paths = sorted(folder.glob("*_info.yaml"), key=lambda path: path.stat().st_mtime, reverse=True)
    read = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths]
    return [info | {"model_fp": str(folder / str(info.get("model_fp")))} for info in read if isinstance(info, dict)]


def info_name(job_id: str, job_num: int) -> str:
    """The stem of a job's products: SLURM's ids hold the number of the job already, a plain id gets it added."""
    return job_id if job_id.endswith(f"_{job_num}") else f"{job_id}_{job_num}"


def find_vae(given: Path, command: str) -> Path:
    """The checkpoint of the VAE: a file, or the only one in a folder.

    Raises:
        BadInput: none there (says what to run), or several.
    """
    if given.is_file():
        return given
    found = sorted(given.glob("*.ckpt")) if given.is_dir() else []
    if not found:
        raise BadInput(
            "there is no checkpoint of a VAE", where=f"lightning_loader.vae_ckpt_path: {given}", hint=f"run: {command}"
        )
    if len(found) > 1:
        raise BadInput(
            f"there are {len(found)} checkpoints of VAEs: {_names(found)}",
            where=f"lightning_loader.vae_ckpt_path: {given}",
            hint=f"name one: paths.vae_ckpt_dir={found[-1]}",
        )
    return found[0]


def find_flow(folder: Path, drop: Sequence[str], seed: int, command: str) -> dict[str, Any]:
    """The info of the newest checkpoint that was trained without some factors, from a seed.

    Raises:
        BadInput: there is none (says what to run).
    """
    for info in read_infos(folder):
        same = sorted(info.get("drop_variables") or []) == sorted(drop) and info.get("seed") == seed
        if same and Path(str(info.get("model_fp"))).is_file():
            return info
    told = f"not told {', '.join(drop)}" if drop else "told everything"
    raise BadInput(
        f"there is no checkpoint of a flow that was {told}, seed {seed}",
        where=str(folder),
        hint=f"run: {command}",
    )


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths[:5]) + (", …" if len(paths) > 5 else "")
