"""What a time step of the models costs: the fast schedule against the naive one, in one run.

    python benchmarks/bench_dynvision.py [--out FILE] [--device cuda]

A static image over 20 steps; a network step is a pass over that. The public DynVision code was measured at 64 images of
32×32 on two threads of such a machine; its numbers are in the last column.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch

from quadrat_studies.dynvision.architectures import make_model
from quadrat_studies.dynvision.networks import RecurrentNetwork, build

STEPS = 20
ROUNDS = 4
# Model, arguments, images, (C, H, W), what the public code took (ms a step, forward / training).
ROWS = [
    ("DyRCNNx4", {"rctype": "full"}, 64, (3, 32, 32), "88 / 231"),
    ("DyRCNNx4", {"rctype": "self"}, 64, (3, 32, 32), "63 / 129"),
    ("DyRCNNx4", {"rctype": "pointdepthwise"}, 64, (3, 32, 32), "71 / 170"),
    ("DyRCNNx4", {"rctype": "none"}, 64, (3, 32, 32), "65 / 130"),
    ("DyRCNNx2", {"rctype": "full"}, 64, (3, 32, 32), "50 / 119"),
    ("DyRCNNx2", {"rctype": "self"}, 64, (3, 32, 32), "41 / 75"),
    ("DyRCNNx8", {"rctype": "full"}, 64, (3, 32, 32), "53 / 154"),
    ("CorNetRT", {"tsteps": 20}, 64, (3, 32, 32), "11 / 38"),
    ("DyRCNNx2", {"rctype": "full"}, 64, (1, 8, 8), ""),
    ("DyRCNNx4", {"rctype": "full"}, 32, (1, 8, 8), ""),
    ("DyRCNNx4", {"rctype": "full", "feedback": "add"}, 32, (1, 8, 8), ""),
]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(2)
    where = torch.cuda.get_device_name() if given.device == "cuda" else f"2 threads, {platform.machine()}"
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {where}, torch {torch.__version__}",
        "ms a network step, forward / training; the least of 4 rounds, both schedules by turns",
        f"{'':<46} {'naive':>15} {'fast':>15} {'fast : naive':>13}  public code",
    ]
    for row in ROWS:
        lines.append(line(*row, given.device))
        print(lines[-1], flush=True)
    print("\n".join(lines))
    if given.out:
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def line(name: str, args: dict[str, object], images: int, image: tuple[int, int, int], public: str, device: str) -> str:
    """A row of the table."""
    network = build(make_model(name, args), 10, image, seed=1).to(device)
    frames = torch.randn(images, 1, *image, device=device)
    least: dict[tuple[str, str], float] = {}
    for _ in range(ROUNDS):
        for schedule in ("naive", "fast"):
            for kind, work in (("forward", forward), ("training", training)):
                took = seconds(lambda: work(network, frames, schedule), device)  # noqa: B023 - called at once
                least[schedule, kind] = min(least.get((schedule, kind), 1e9), took * 1000 / STEPS)
    naive, fast = ([least[schedule, kind] for kind in ("forward", "training")] for schedule in ("naive", "fast"))
    said = ", ".join(f"{key}={value}" for key, value in args.items() if key != "tsteps")
    what = f"{name} {said}, {images} × {image[1]}×{image[2]}"
    shares = " / ".join(f"{one / other:.2f}" for one, other in zip(fast, naive, strict=True))
    columns = [f"{one[0]:.1f} / {one[1]:.1f}" for one in (naive, fast)]
    return f"{what:<46} {columns[0]:>15} {columns[1]:>15} {shares:>13}  {public}"


def forward(network: RecurrentNetwork, frames: torch.Tensor, schedule: str) -> None:
    """A pass without gradients."""
    with torch.inference_mode():
        network(frames, (0,) * STEPS, schedule=schedule)


def training(network: RecurrentNetwork, frames: torch.Tensor, schedule: str) -> None:
    """A pass and its gradients."""
    network.zero_grad()
    network(frames, (0,) * STEPS, schedule=schedule).square().mean().backward()


def seconds(work: Callable[[], None], device: str) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
