"""The fast schedule gives the numbers of the naive one: answers, observed activities, gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from quadrat_studies.dynvision.architectures import RECURRENCE, make_model
from quadrat_studies.dynvision.networks import RecurrentNetwork, build, schedules
from studies.dynvision.networks_made import small

ORDERS = ((0,) * 6, (-1, 0, 0, 1, 1, -1, -1), (1,), (0, 1, 0, 1, 0, -1, 0, 0))
ANY_CHANNELS = ("full", "pointwise", "depthpointwise", "pointdepthwise", "none")
"""Types of recurrence that can arrive at other channels."""


@st.composite
def dyrcnns(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(["Two", "Four", "Eight", "Same"]))
    rctarget = draw(st.sampled_from(["output", "input", *(["middle"] if name == "Eight" else [])]))
    args = {
        "rctype": draw(st.sampled_from(RECURRENCE if name == "Same" or rctarget != "input" else ANY_CHANNELS)),
        "rctarget": rctarget,
        "trc": draw(st.sampled_from([0, 2, 5, 6, 30])),
        "tff": draw(st.sampled_from([0, 0, 2, 4])),
        "tsk": draw(st.sampled_from([0, 2, 6])),
        "tfb": draw(st.sampled_from([0, 2, 6, 30])),
        "skip": draw(st.sampled_from([True, False, "mul"])),
        "feedback": draw(st.sampled_from([False, "add", "mul"])),
        "solver": draw(st.sampled_from(["euler", "rk4"])),
        "supralin": draw(st.sampled_from([1, 1.3])),
        "inadapt": draw(st.sampled_from([0, 0.4])),
        "idle": draw(st.sampled_from([0, 1, 5])),
        "traintau": draw(st.booleans()),
        "tbptt": draw(st.sampled_from([None, 1, 3])),
        "ffonly": draw(st.sampled_from([False, False, True])),
    }
    return name, args | ({"retina": draw(st.booleans())} if name in ("Four", "Eight") else {})


@st.composite
def others(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(["Cor", "Cords", "Res"]))
    rctarget = draw(
        st.sampled_from({"Cor": ["middle", "output", "input"], "Cords": ["output", "input"]}.get(name, ["output"]))
    )
    usual = [one for one in RECURRENCE if not one.startswith("local")]  # channels that make no squares
    args = {
        "rctype": draw(st.sampled_from(usual if rctarget != "input" else ANY_CHANNELS)),
        "rctarget": rctarget,
        "trc": draw(st.sampled_from([0, 2, 6])),
        "tff": draw(st.sampled_from([0, 2, 4, 6])),
        "idle": draw(st.sampled_from([0, 1, 4])),
        "tbptt": draw(st.sampled_from([None, 1, 3])),
        "ffonly": draw(st.sampled_from([False, False, True])),
    }
    dynamic = {
        "tsk": draw(st.sampled_from([0, 2, 6])),
        "solver": draw(st.sampled_from(["euler", "rk4"])),
        "traintau": draw(st.booleans()),
    }
    return name, args | (dynamic if name == "Cords" else {})


def passed(network: RecurrentNetwork, schedule: str, order: tuple[int, ...], blank: float, kind: torch.dtype) -> Any:
    """Logits, activities by layer and first step, and gradients of one pass."""
    generator = torch.Generator().manual_seed(1)
    frames = torch.randn(3, max(order) + 1, *network.image, generator=generator, dtype=torch.float64).to(kind)
    seen: dict[str, list[tuple[int, Tensor]]] = {}
    network.zero_grad()
    logits = network(
        frames,
        order,
        blank=blank,
        schedule=schedule,
        observe=lambda layer, start, activity: seen.setdefault(layer, []).append((start, activity)),
    )
    whole = {layer: (parts[0][0], torch.cat([one for _, one in parts])) for layer, parts in seen.items()}
    loss = logits.square().sum() + sum(activity.mean() for _, activity in whole.values())
    gradients = {}
    if loss.requires_grad:
        loss.backward()
        gradients = {name: one.grad for name, one in network.named_parameters() if one.grad is not None}
    return logits, whole, gradients


def same(network: RecurrentNetwork, order: tuple[int, ...], blank: float, kind: torch.dtype, atol: float) -> None:
    network = network.to(kind)
    naive, fast = (passed(network, schedule, order, blank, kind) for schedule in ("naive", "fast"))

    def close(one: Tensor, other: Tensor) -> None:
        torch.testing.assert_close(one, other, rtol=atol, atol=atol)

    close(naive[0], fast[0])
    assert naive[0].shape == (3, len(order), network.n_classes)
    assert naive[1].keys() == fast[1].keys()
    for layer, (start, activity) in naive[1].items():
        assert fast[1][layer][0] == start
        close(activity, fast[1][layer][1])
    largest = max((float(one.abs().max()) for one in naive[2].values()), default=1.0)
    for name in naive[2].keys() | fast[2].keys():
        zero = torch.zeros_like(network.get_parameter(name))
        close(naive[2].get(name, zero) / largest, fast[2].get(name, zero) / largest)


@given(
    model=st.one_of(dyrcnns(), others()), order=st.sampled_from(ORDERS), cached=st.sampled_from([1, 1 << 11, 1 << 30])
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_same_numbers_in_double_precision(
    model: tuple[str, dict[str, Any]], order: tuple[int, ...], cached: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedules, "CACHED", cached)  # blocks of one step, of some, of all
        name, args = model
        same(small(name, **args).eval(), order, 0.3, torch.float64, 1e-10)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("Two", {"feedback": "add", "tfb": 4}),
        ("Four", {"rctype": "full", "idle": 4}),
        ("Four", {"rctype": "localdepthwise", "tff": 2}),
        ("Eight", {"rctype": "depthwise", "rctarget": "middle", "tff": 2, "feedback": "mul"}),
        ("Eight", {"rctype": "full", "rctarget": "input"}),
        ("Cor", {"tsteps": 4, "idle": 2}),
        ("Cords", {"idle": 3, "tff": 4}),
    ],
)
def test_the_same_numbers_in_single_precision(name: str, args: dict[str, Any]) -> None:
    for order in ORDERS[:2]:
        same(small(name, 5, **args), order, 0.0, torch.float32, 1e-5)


@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize(
    ("name", "args", "size"),
    [
        ("CordsNet", {"idle": 3}, 32),
        ("ResNet20", {"rctype": "full", "idle": 1}, 8),
        ("ResNet18", {"rctype": "depthpointwise", "tff": 2}, 32),
        ("ResNet50", {}, 32),
    ],
)
def test_the_same_numbers_of_other_models(name: str, args: dict[str, Any], size: int, is_training: bool) -> None:
    """Also where a batch is normalised by its own statistics, which are then of one step."""
    network = build(make_model(name, args), 3, (1, size, size), seed=3).train(is_training)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    naive = network.double()(torch.ones(2, 1, 1, size, size, dtype=torch.float64), (0, 0, -1, 0), schedule="naive")
    kept = {key: value.clone() for key, value in network.state_dict().items()}
    network.load_state_dict(before)
    fast = network(torch.ones(2, 1, 1, size, size, dtype=torch.float64), (0, 0, -1, 0))
    torch.testing.assert_close(naive, fast, rtol=1e-9, atol=1e-9)
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value, kept[key], rtol=1e-9, atol=1e-9)


def test_alexnet_the_same_and_with_its_nonlinearity() -> None:
    network = (
        build(make_model("AlexNet", {"rctype": "full", "rctarget": "input"}), 3, (1, 64, 64), seed=3).eval().double()
    )
    frames = torch.randn(1, 1, 1, 64, 64, dtype=torch.float64)
    lowest: list[float] = []
    fast = network(
        frames, (0, 0, 0), observe=lambda layer, start, activity: lowest.append(float(activity.detach().min()))
    )
    assert lowest
    assert min(lowest) == 0
    torch.testing.assert_close(network(frames, (0, 0, 0), schedule="naive"), fast, rtol=1e-9, atol=1e-12)
