"""Lightning's loggers, as far as a sweep needs one: what a module logs becomes the run's curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger

from quadrat.core.run import Run


class RunLogger(Logger):
    """Feeds the curves of a run: `Trainer(logger=RunLogger(run))`.

    What `self.log` and `self.log_dict` log is kept by `run.log`, at Lightning's own steps: `quadrat plot … -x step` and
    the live page draw it while the training goes on. Hyperparameters are the run's params already, and not kept twice.

    Args:
        run: the handle that the task got.
        prefix: put before all names, as "vae/".
    """

    def __init__(self, run: Run, prefix: str = "") -> None:
        super().__init__()
        self._run = run
        self._given_prefix = prefix

    @property
    def name(self) -> str:
        """The run's id: Lightning names folders by it, of which there are none."""
        return self._run.id

    @property
    def version(self) -> int:
        """The attempt."""
        return self._run.attempt

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: params are recorded with the run."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a point; Lightning's own `epoch` is left out where it is not the step."""
        values = {name: float(value) for name, value in metrics.items() if name != "epoch"}
        if values:
            at = metrics.get("epoch", math.nan) if step is None else step
            self._run.log(
                0 if math.isnan(at) else int(at), **{f"{self._given_prefix}{k}": v for k, v in values.items()}
            )

    def save(self) -> None:
        """Write what is waiting to disk."""
        super().save()
        self._run.flush()

    def finalize(self, status: str) -> None:
        """The same, at the end."""
        super().finalize(status)
        self._run.flush()


def close_loggers(loggers: Iterable[Any]) -> None:
    """End Lightning's loggers: what they hold is written, and the next training of this process does not log into them.

    Weights & Biases goes on until it is told to finish.
    """
    for logger in loggers:
        logger.save()
        logger.finalize("success")
        finish = getattr(logger.experiment, "finish", None)
        if callable(finish):
            finish()


def drop_links(folder: Path) -> None:
    """Take away the links in a folder that Weights & Biases sets to what is beside them: a run keeps its own files."""
    for path in folder.rglob("*"):
        if path.is_symlink():
            path.unlink()
