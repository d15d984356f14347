"""The models as data: arguments by both names, errors that name the nearest, parameters as many as they should be."""

from __future__ import annotations

from typing import Any

import pytest

from quadrat import BadInput
from quadrat_studies.dynvision.architectures import MODELS, make_model
from quadrat_studies.dynvision.networks import build

COUNTS = {
    "full": (73_456, 1_164_954, 8_534_798),
    "self": (24_832, 394_364, 5_136_396),
    "depthpointwise": (31_320, 485_172, 5_518_544),
    "pointdepthwise": (31_320, 485_172, 5_518_544),
    "local": (24_848, 394_412, 5_136_460),
    "localdepthwise": (25_848, 399_182, 5_147_414),
    "none": (24_828, 394_356, 5_136_388),
}


def parameters(name: str, image: tuple[int, int, int] = (3, 32, 32), **args: Any) -> int:
    return sum(one.numel() for one in build(make_model(name, args), 10, image, seed=0).parameters())


@pytest.mark.parametrize("rctype", COUNTS)
def test_numbers_of_parameters(rctype: str) -> None:
    found = tuple(parameters(name, rctype=rctype) for name in ("DyRCNNx2", "DyRCNNx4", "DyRCNNx8"))
    assert found == COUNTS[rctype]


def test_numbers_of_parameters_of_connections_and_other_models() -> None:
    assert parameters("DyRCNNx4", feedback="add") - parameters("DyRCNNx4") == 20_840
    assert parameters("DyRCNNx8", feedback="mul") - parameters("DyRCNNx8") == 92_768
    assert parameters("DyRCNNx4", skip=False) - parameters("DyRCNNx4") == -21_117
    assert parameters("CorNetRT") == 4_701_070
    assert round(parameters("CordsNet", (3, 224, 224)) / 1e6, 2) == 11.97
    assert parameters("AlexNet", (3, 224, 224)) == 57_044_810  # of the published layout, with 10 classes
    assert parameters("ResNet18", (3, 64, 64)) == 11_181_642
    assert parameters("ResNet50", (3, 64, 64)) == 23_528_522


def test_arguments_have_short_and_long_names() -> None:
    long = {"recurrence_type": "self", "n_timesteps": 8, "t_feedforward": 4, "train_tau": True}
    assert make_model("DyRCNNx4", long) == make_model(
        "DyRCNNx4", {"rctype": "self", "tsteps": 8, "tff": 4, "traintau": True}
    )


def test_every_model_can_be_made_by_its_name() -> None:
    for name in MODELS:
        assert make_model(name, {}).name == name
    assert {"DyRCNNx2", "DyRCNNx4", "DyRCNNx8", "CorNetRT", "CordsNet", "AlexNet", "ResNet152", "ResNet1202"} <= set(
        MODELS
    )


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("DyRCNNx5", {}, "there is no model 'DyRCNNx5'"),
        ("DyRCNNx4", {"rctyp": "full"}, "there is no argument of DyRCNNx4 'rctyp'"),
        ("AlexNet", {"tau": 5}, "there is no argument of AlexNet 'tau'"),
        ("DyRCNNx2", {"retina": True}, "there is no argument of DyRCNNx2 'retina'"),
        ("DyRCNNx4", {"rctype": "ful"}, "DyRCNNx4: input should be 'full'"),
        ("DyRCNNx4", {"dt": 0}, "greater than 0, not 0"),
        ("DyRCNNx4", {"tau": float("inf")}, "should be a finite number, not inf"),
        ("DyRCNNx4", {"tsteps": True}, "model_args.tsteps: DyRCNNx4: input should be a value, not true"),
        ("DyRCNNx4", {"rctype": "self", "recurrence_type": "full"}, "'rctype' is given twice"),
        ("DyRCNNx4", {"rctype": "self", "rctarget": "input"}, "recurrence of type 'self' keeps its channels"),
        ("ResNet18", {"rctype": "full", "rctarget": "input"}, "should be 'output', not 'input'"),
        ("DyRCNNx4", {"rctarget": "middle"}, "the layers of DyRCNNx4 have no middle"),
        ("CordsNet", {"rctype": "local"}, "CordsNet has no cortical plane"),
        ("CorNetRT", {"rctype": "localdepthwise"}, "128 channels of V2 make no square"),
    ],
)
def test_what_cannot_be_is_told(name: str, args: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as refused:
        make_model(name, args)
    assert message in str(refused.value)


def test_the_nearest_is_named() -> None:
    with pytest.raises(BadInput, match="did you mean 'rctype'"):
        make_model("DyRCNNx4", {"rctyp": "full"})
    with pytest.raises(BadInput, match="did you mean 'DyRCNNx"):
        make_model("DyRCNN4", {})


def test_true_and_add_are_one_model() -> None:
    assert make_model("DyRCNNx4", {"skip": True, "feedback": True}) == make_model(
        "DyRCNNx4", {"skip": "add", "feedback": "add"}
    )
    assert make_model("DyRCNNx4", {"skip": False}).model_dump()["skip"] is False
