"""Loaders: their arguments, the frames of each step, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Literal

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrat import BadInput
from quadrat_studies.dynvision import loaders
from quadrat_studies.dynvision.loaders import LOADERS, Loader, make_loader


def test_planning_needs_no_torch() -> None:
    code = "import sys, quadrat_studies.dynvision.loaders; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("Standard", {"dsteps": 20}),
        ("StimulusRepetition", {"dsteps": 20}),
        ("StimulusDuration", {"dsteps": 30, "stim": 20, "intro": 1}),
        ("StimulusInterval", {"dsteps": 30, "stim": 2, "intro": 0, "interval": 2}),
        ("StimulusContrast", {"dsteps": 15, "stim": 10, "intro": 2, "contrast": 1.0}),
        (
            "StimulusNoise",
            {"dsteps": 20, "stim": None, "intro": 0, "noisetype": "gaussian", "ssnr": 0.5, "tempmode": "dynamic"},
        ),
    ],
)
def test_the_defaults_are_those_of_the_table(name: str, defaults: dict[str, Any]) -> None:
    assert make_loader(name, {}).model_dump() == {"name": name, "voidinput": 0.0, **defaults}
    assert set(LOADERS) >= {name}


@pytest.mark.parametrize(
    ("name", "args", "order"),
    [
        ("Standard", {"dsteps": 3}, "SSS"),
        ("StimulusRepetition", {"repeat": 4}, "SSSS"),
        ("StimulusDuration", {"dsteps": 6, "stim": 3, "intro": 1}, ".SSS.."),
        ("StimulusDuration", {"dsteps": 3, "stim": 3, "intro": 0}, "SSS"),
        ("StimulusInterval", {"dsteps": 9, "stim": 2, "intro": 1, "interval": 3}, ".SS...SS."),
        ("StimulusInterval", {"dsteps": 4, "stim": 2, "intro": 0, "interval": 0}, "SSSS"),
        ("StimulusContrast", {"dsteps": 4, "stim": 1, "intro": 2, "contrast": 0.5}, "..S."),
        ("StimulusNoise", {"dsteps": 4, "stim": 2, "intro": 1, "tempmode": "static"}, ".SS."),
        ("StimulusNoise", {"dsteps": 4, "intro": 1, "ssnr": 1}, ".SSS"),
    ],
)
def test_a_still_image_is_one_frame(name: str, args: dict[str, Any], order: str) -> None:
    loader = make_loader(name, args)
    assert loader.order() == tuple(0 if one == "S" else -1 for one in order)
    assert loader.n_frames == 1


@pytest.mark.parametrize("tempmode", ["dynamic", "correlated"])
def test_changing_noise_has_a_frame_for_each_step(tempmode: str) -> None:
    loader = make_loader("StimulusNoise", {"dsteps": 6, "stim": 3, "intro": 1, "tempmode": tempmode})
    assert loader.order() == (-1, 0, 1, 2, -1, -1)
    assert loader.n_frames == 3
    assert make_loader("StimulusNoise", {"dsteps": 5, "intro": 2, "tempmode": tempmode}).order() == (-1, -1, 0, 1, 2)


@given(dsteps=st.integers(1, 30), stim=st.integers(1, 30), intro=st.integers(0, 30), interval=st.integers(0, 30))
def test_a_stimulus_is_shown_whole_or_refused(dsteps: int, stim: int, intro: int, interval: int) -> None:
    args = {"dsteps": dsteps, "stim": stim, "intro": intro}
    for name, more, shown, steps in (
        ("StimulusDuration", {}, stim, intro + stim),
        ("StimulusContrast", {"contrast": 0.1}, stim, intro + stim),
        ("StimulusNoise", {"ssnr": 0.2}, stim, intro + stim),
        ("StimulusInterval", {"interval": interval}, 2 * stim, intro + stim + interval + stim),
    ):
        if steps > dsteps:
            with pytest.raises(BadInput, match=f"is {steps} steps, and the sequence has dsteps {dsteps}"):
                make_loader(name, args | more)
            continue
        order = make_loader(name, args | more).order()
        assert len(order) == dsteps
        assert sum(one >= 0 for one in order) == shown
        assert order[:intro] == (-1,) * intro
        assert order[steps:] == (-1,) * (dsteps - steps)


# Arguments


def test_what_is_too_long_is_told_in_numbers() -> None:
    with pytest.raises(BadInput) as caught:
        make_loader("StimulusDuration", {"stim": 40})
    assert caught.value.message == ("StimulusDuration: intro 1 + stim 40 is 41 steps, and the sequence has dsteps 30")
    with pytest.raises(BadInput, match="intro 0 \\+ stim 20 \\+ interval 2 \\+ stim 20 is 42 steps"):
        make_loader("StimulusInterval", {"stim": 20})
    with pytest.raises(BadInput, match="intro 20 \\+ stim 1 is 21 steps, and the sequence has dsteps 20"):
        make_loader("StimulusNoise", {"intro": 20})


@pytest.mark.parametrize(
    ("name", "args", "where", "hint"),
    [
        ("StimulsNoise", {}, "data_loader", "did you mean 'StimulusNoise'?"),
        ("Zebra", {}, "data_loader", "known: Standard, StimulusRepetition, "),
        ("StimulusDuration", {"stimm": 3}, "data_args.stimm", "did you mean 'stim'?"),
        ("Standard", {"contrast": 1}, "data_args.contrast", "known: dsteps, voidinput"),
    ],
)
def test_what_does_not_exist_is_told_with_the_nearest(name: str, args: dict[str, Any], where: str, hint: str) -> None:
    with pytest.raises(BadInput) as caught:
        make_loader(name, args)
    assert caught.value.where == where
    assert (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("StimulusDuration", {"stim": "5"}),
        ("StimulusDuration", {"stim": True}),
        ("StimulusDuration", {"stim": 0}),
        ("StimulusDuration", {"stim": None}),
        ("StimulusDuration", {"intro": -1}),
        ("Standard", {"dsteps": 0}),
        ("Standard", {"voidinput": float("nan")}),
        ("StimulusContrast", {"contrast": float("inf")}),
        ("StimulusContrast", {"contrast": -0.5}),
        ("StimulusNoise", {"ssnr": 1.01}),
        ("StimulusNoise", {"ssnr": float("nan")}),
        ("StimulusNoise", {"noisetype": "gauss"}),
        ("StimulusNoise", {"tempmode": "still"}),
    ],
)
def test_a_value_that_cannot_be_is_told_with_its_argument(name: str, args: dict[str, Any]) -> None:
    ((key, value),) = args.items()
    with pytest.raises(BadInput, match=f"not {value!r}") as caught:
        make_loader(name, args)
    assert caught.value.where == f"data_args.{key}"


def test_arguments_have_further_names() -> None:
    assert make_loader("StimulusDuration", {"tsteps": 100, "stim": 5}) == make_loader(
        "StimulusDuration", {"n_timesteps": 100, "stimulus_duration": 5}
    )
    assert make_loader("StimulusNoise", {"noiselevel": 0.2}) == make_loader("StimulusNoise", {"ssnr": 0.2})
    assert set(loaders.ALIASES.values()) <= {name for one in LOADERS.values() for name in one.model_fields}
    with pytest.raises(BadInput, match="'dsteps' is given twice"):
        make_loader("StimulusRepetition", {"dsteps": 3, "repeat": 3})


def test_correlated_gaussian_noise_is_one_thing_by_two_names() -> None:
    correlated = make_loader("StimulusNoise", {"noisetype": "gaussiancorr"})
    assert make_loader("StimulusNoise", {"noisetype": "gaussian", "spatialcorr": True}) == correlated
    assert make_loader("StimulusNoise", {"noisetype": "gaussiancorr", "spatialcorr": True}) == correlated
    assert make_loader("StimulusNoise", {"spatialcorr": False}) == make_loader("StimulusNoise", {})
    for args in (
        {"noisetype": "poisson", "spatialcorr": True},
        {"noisetype": "gaussiancorr", "spatialcorr": False},
        {"spatialcorr": 1},
    ):
        with pytest.raises(BadInput, match="spatialcorr"):
            make_loader("StimulusNoise", args)


# The registry and the union


@pytest.fixture
def flicker() -> Iterator[str]:
    class Flicker(Loader):
        """The image at the first step only."""

        name: Literal["Flicker"] = "Flicker"

        def parts(self) -> tuple[loaders.Part, ...]:
            return (loaders.Part("flash", 1, True),)

    yield "Flicker"
    del LOADERS["Flicker"]


def test_a_loader_is_added_by_a_class(flicker: str) -> None:
    assert make_loader(flicker, {"dsteps": 3}).order() == (0, -1, -1)


@given(st.sampled_from(sorted(LOADERS)))
def test_a_loader_is_read_as_it_is_written(name: str) -> None:
    adapter: pydantic.TypeAdapter[Loader] = pydantic.TypeAdapter(loaders.AnyLoader)
    made = make_loader(name, {})
    found = adapter.validate_json(made.model_dump_json(), strict=True)
    assert found == made
    assert type(found) is LOADERS[name]


def test_what_cannot_be_is_refused_wherever_it_is_read() -> None:
    adapter: pydantic.TypeAdapter[Loader] = pydantic.TypeAdapter(loaders.AnyLoader)
    for text in (
        '{"name": "StimulusDuration", "stim": 40}',
        '{"name": "StimulusDuration", "contrast": 1}',
        '{"name": "Zebra"}',
        '{"name": "StimulusNoise", "noisetype": "uniform", "spatialcorr": true}',
    ):
        with pytest.raises(pydantic.ValidationError):
            adapter.validate_json(text, strict=True)
    spelt = adapter.validate_json('{"name": "StimulusNoise", "spatialcorr": true}', strict=True)
    assert spelt == make_loader("StimulusNoise", {"noisetype": "gaussiancorr"})
