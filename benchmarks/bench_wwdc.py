"""Flows side by side against one after another: the same trainings, the same numbers, timed in one process.

python benchmarks/bench_wwdc.py [--out FILE] [--accelerator gpu]
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from pathlib import Path

import torch

from quadrat_studies.wwdc import preparing
from quadrat_studies.wwdc.catalog import making, sources
from quadrat_studies.wwdc.inference import encoding
from quadrat_studies.wwdc.params import Catalog
from quadrat_studies.wwdc.training import fitting, loading

EPOCHS = 5
FLOW = {
    "_target_": "wwdc.training.lightning_loaders.LightningFlow",
    "vae": {"_target_": "wwdc.models.rgbmnist.VAE", "hidden_dim": 64},
    "flow": {"_target_": "wwdc.models.rgbmnist.Flow", "features": 64, "hidden_features": [64, 64], "transforms": 2},
    "lr": 2e-3,
    "size": 64,
    "batch_size": 256,
}
VAE = {"_target_": "wwdc.training.lightning_loaders.LightningVAE", "vae": FLOW["vae"], "size": 64}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--accelerator", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(1)
    spec = Catalog(copies=4)
    catalog = making.make(spec, *sources.load("digits"))
    trainer = {
        "_target_": "lightning.pytorch.Trainer", "accelerator": given.accelerator, "devices": 1, "max_epochs": EPOCHS
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        vae = Path(folder, "vae.ckpt")
        job, tree = preparing.prepare_vae(VAE, 1, catalog)
        fitting.save(vae, tree, fitting.Fit(job.loader.state_dict(), 0.0, 0, []))
        latents = encoding.encode(loading.vae_of(vae), preparing.pixels(catalog))
        data = preparing.flow_data(spec, catalog, latents, ["b"], FLOW)

        def seconds(lanes: int, together: bool) -> tuple[float, list[float]]:
            jobs = [preparing.prepare_flow(FLOW, seed, vae, data)[0] for seed in range(lanes)]
            start = time.perf_counter()
            groups = [jobs] if together else [[one] for one in jobs]
            fits = [fit for g, group in enumerate(groups) for fit in fitting.fit(group, trainer, scratch(folder))]
            return time.perf_counter() - start, [fit.val_loss for fit in fits]

        seconds(1, together=True)
        lines = ["flows  one by one (s)  side by side (s)  ratio  same numbers"]
        for lanes in (1, 3, 8):
            alone = min((seconds(lanes, together=False) for _ in range(3)), key=lambda each: each[0])
            fused = min((seconds(lanes, together=True) for _ in range(3)), key=lambda each: each[0])
            ratio, same = fused[0] / alone[0], alone[1] == fused[1]
            lines.append(f"{lanes:5}  {alone[0]:14.2f}  {fused[0]:16.2f}  {ratio:5.2f}  {'yes' if same else 'no'}")
    where = torch.cuda.get_device_name() if given.accelerator == "gpu" else f"1 thread, {platform.machine()}"
    text = (
        f"{time.strftime('%Y-%m-%d')}, {where}, torch {torch.__version__}: python benchmarks/bench_wwdc.py\n"
        f"{EPOCHS} epochs of flows (64 features, 2 transforms, batch 256), the least of 3\n"
    )
    text += "\n".join(lines) + "\n"
    print(text, end="")
    if given.out:
        given.out.write_text(text)


_made = iter(range(10**6))


def scratch(folder: str) -> Path:
    path = Path(folder, f"scratch-{next(_made)}")
    path.mkdir()
    return path


if __name__ == "__main__":
    main()
