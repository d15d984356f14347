"""The front door of plain Hydra: its command line, and what a job of it knows."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from quadrat import BadInput, QuadratError

from .composing import SHIPPED, Composed, Shipped, check_name, compose_experiment
from .experiments import check, dropped, loader_tree, seed_of_job, sweep_entry, trainer_tree, user_folder
from .params import Catalog, Tree
from .products import info_name


@dataclass(frozen=True)
class Front:
    """One job of Hydra's.

    Attributes:
        job: its configuration.
        job_id: the name of its products.
        job_num: its place in the sweep.
    """

    job: Composed
    job_id: str
    job_num: int

    @classmethod
    def of(cls, config: DictConfig) -> Front:
        """The job that is running.

        Raises:
            BadInput: for a configuration that cannot work.
        """
        running: Any = HydraConfig.get()
        whole = config.copy()
        with open_dict(whole):
            whole.hydra = OmegaConf.create({"sweeper": {"params": {}}})
        name = str(running.job.config_name)
        files = compose_experiment(user_folder(None), name).files
        job = Composed(whole, files, name)
        number = int(running.job.num) if "num" in running.job else 0
        given = str(running.job.id) if "id" in running.job else _stamp(running)
        # Ids of launchers on this machine only count jobs: the launch's time tells sweeps apart, as SLURM's ids do.
        job_id = info_name(given if re.fullmatch(r"\d+_\d+", given) else _stamp(running), number)
        front = cls(job, job_id, number)
        check(job, front.loader, front.drop if front.is_flow else None)
        return front

    @property
    def is_flow(self) -> bool:
        """Whether it is about a flow, not a VAE."""
        return "flow" in self.job.tree.lightning_loader

    @property
    def loader(self) -> Tree:
        """The tree of what is trained."""
        return loader_tree(self.job)

    @property
    def trainer(self) -> Tree:
        """The tree of the trainer, without loggers and callbacks."""
        return trainer_tree(self.job)

    @property
    def drop(self) -> tuple[str, ...]:
        """The factors that the flow is not told."""
        return dropped(self.job)

    @property
    def seed(self) -> int:
        """The seed."""
        return seed_of_job(self.job)

    @property
    def spec(self) -> Catalog:
        """The definition of the data."""
        return Catalog.model_validate(self.job.get("data.catalog", {}))

    @property
    def folder(self) -> Path:
        """Where the products of the experiment lie."""
        return Path(self.job.get("paths.experiment_path"))

    @property
    def catalog(self) -> Path:
        """Where the data lie."""
        default = f"{self.job.get('paths.data_dir')}/{self.spec.data_name}/{self.spec.catalog_name}.zarr"
        return Path(self.job.get("paths.catalog", default))

    def info(self) -> dict[str, Any]:
        """What info files say of the job."""
        return {**sweep_entry(self.job), "job_id": self.job_id, "job_num": self.job_num}

    def use_id(self) -> None:
        """Let `${hydra:job.id}` be the name of the products."""
        running: Any = HydraConfig.instance().cfg
        if running is not None:
            with read_write(running.hydra), open_dict(running.hydra):
                running.hydra.job.id = self.job_id


def _stamp(running: Any) -> str:
    folder = running.sweep.dir if str(running.mode).endswith("MULTIRUN") else running.run.dir
    return "".join(letter for letter in Path(str(folder)).name if letter.isdigit()) or "0"


def hydra_main(task: Callable[[DictConfig], Any]) -> None:
    """Run a task under Hydra's command line; the user's own ./conf comes before the shipped configurations.

    A mistake of the user is told in one message, without a traceback, and the exit code is 2; with
    HYDRA_FULL_ERROR set, with all that Hydra has to say.
    """
    Shipped.want()
    asked_for_all = bool(os.environ.get("HYDRA_FULL_ERROR"))
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints a traceback and exits where the error cannot be caught

    @wraps(task)
    def alone(config: DictConfig) -> Any:
        import torch

        torch.set_num_threads(int(config.get("threads", 1)))  # the number of threads moves the last bits
        return task(config)

    try:
        folder = user_folder(None)
        if not {"--help", "-h", "--hydra-help", "--version", "--shell-completion", "-sc"} & set(sys.argv):
            check_name(folder, _asked_for(sys.argv[1:]))
        hydra.main(version_base="1.3", config_path=str((folder or SHIPPED).resolve()), config_name=None)(alone)()
    except QuadratError as error:
        if asked_for_all:
            raise
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(error.exit_code) from None
    except (HydraException, OmegaConfBaseException) as error:
        if asked_for_all:
            raise
        sys.stderr.write(f"error: {_told(error)}\n")
        raise SystemExit(2) from None


def _asked_for(argv: list[str]) -> str:
    """The configuration that the command line names."""
    for number, word in enumerate(argv):
        flag, _, value = word.partition("=")
        if flag in ("-cn", "--config-name"):
            return value or (argv[number + 1] if number + 1 < len(argv) else "")
    raise BadInput("no experiment is named", where="-cn", hint="-cn experiment/RGBDIGITS_FLOW/train -m")


def _told(error: Exception) -> str:
    """What Hydra or OmegaConf says, on a line, with what to do."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    key = str(getattr(error, "full_key", "") or "")
    missing = re.search(r"Environment variable '(\w+)' not found", lines[0]) if lines else None
    if missing:
        return f"{key}: the environment variable {missing[1]} is not set\n  set it in the shell: export {missing[1]}=…"
    return f"{key}: {lines[0]}" if key else " ".join(lines[:2])
