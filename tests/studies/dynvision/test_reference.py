"""The models give the numbers of the public DynVision code, by both schedules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from quadrat_studies.dynvision.architectures import make_model
from quadrat_studies.dynvision.networks import build
from studies.dynvision import reference

INDEX = reference.index()
TAGS = list(INDEX) or ["x4_full"]
OF_THE_OTHER = ("model", "n_classes", "input_dims", "init_with_pretrained")


@pytest.mark.parametrize("schedule", ["naive", "fast"])
@pytest.mark.parametrize("tag", TAGS)
def test_outputs_loss_gradients_and_responses(tag: str, schedule: str) -> None:
    known = reference.numbers(tag)
    config: dict[str, Any] = INDEX[tag]["config"]
    args = {name: value for name, value in config.items() if name not in OF_THE_OTHER}
    network = build(make_model(config["model"], args), config["n_classes"], (3, 32, 32), seed=0).eval()
    reference.set_weights(network)
    assert sum(one.numel() for one in network.parameters()) == INDEX[tag]["n_params"]
    assert {name: list(one.shape) for name, one in network.named_parameters() if "tau" not in name} == INDEX[tag][
        "shapes"
    ]

    seen: dict[str, list[Tensor]] = {}
    starts: dict[str, int] = {}

    def observe(layer: str, start: int, activity: Tensor) -> None:
        starts.setdefault(layer, start)
        seen.setdefault(layer, []).append(activity.detach())

    logits = network(torch.from_numpy(known["x"]), observe=observe, schedule=schedule)
    np.testing.assert_allclose(logits.detach(), known["output"], rtol=0, atol=1e-5)

    labels = torch.from_numpy(known["labels"])[:, None].expand(-1, logits.shape[1] - 2)
    loss = functional.cross_entropy(logits[:, 2:].flatten(0, 1), labels.flatten())
    assert float(loss.detach()) == pytest.approx(float(known["ce_loss_first2_steps_masked"]), abs=1e-5)

    loss.backward()
    for name, parameter in network.named_parameters():
        if f"gradnorm/{name}" in known:
            norm = 0.0 if parameter.grad is None else float(parameter.grad.norm())
            assert norm == pytest.approx(float(known[f"gradnorm/{name}"]), rel=1e-3, abs=1e-7), name

    for layer in network.layer_names:
        activity = torch.cat(seen[layer]).transpose(0, 1)
        mean = known[f"resp_absmean/{layer}"]
        assert starts[layer] == logits.shape[1] - mean.shape[1]
        np.testing.assert_allclose(activity.abs().mean((2, 3, 4)), mean, rtol=2e-3, atol=1e-5)
        np.testing.assert_allclose(activity[:, -1], known[f"resp_last/{layer}"], rtol=2e-3, atol=2e-3)
