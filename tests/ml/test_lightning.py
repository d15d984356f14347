"""Lightning's module logs, and the run has curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quadrat.core.run import Run
from quadrat.results.logged import read

pytest.importorskip("lightning")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:The `srun` command", "ignore:.*LeafSpec")
def test_what_a_module_logs_becomes_the_runs_curves(tmp_path: Path) -> None:
    import lightning.pytorch as lightning
    import torch
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment

    from quadrat.ml.lightning import RunLogger

    class Line(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.save_hyperparameters({"rate": 0.1})
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def training_step(self, batch: Any, place: int) -> Any:
            (x,) = batch
            loss = ((self.weight - 2) * x).square().mean()
            self.log_dict({"loss": loss, "weight/value": self.weight.detach()})
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    run = Run("0" * 32, tmp_path, tmp_path / "scratch", attempt=3)
    logger = RunLogger(run, prefix="line/")
    assert (logger.name, logger.version) == ("0" * 32, 3)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(8, 1)), batch_size=2)
    plugins = [LightningEnvironment()]  # also where SLURM is installed
    quiet: Any = {
        "plugins": plugins,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
    }
    trainer = lightning.Trainer(max_epochs=3, accelerator="cpu", logger=logger, log_every_n_steps=1, **quiet)
    trainer.fit(Line(), data)
    found = read(tmp_path)
    assert set(found) == {"line/loss", "line/weight/value"}
    assert list(found["line/loss"]) == list(range(12))
    assert found["line/loss"][0] == 4
    assert found["line/loss"][11] < found["line/loss"][1] < 4
