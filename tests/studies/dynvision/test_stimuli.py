"""Stimuli in time: frames and labels against videos built by hand, noise by its measures, and targets of training."""

from __future__ import annotations

import itertools
import math
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from quadrat import BadInput
from quadrat_studies.dynvision.loaders import NoiseType, make_loader
from quadrat_studies.dynvision.stimuli import (
    Presentation,
    check_timing,
    present,
    reaction_mask,
    targets,
    training_order,
)
from quadrat_studies.dynvision.stimuli.noise import CORRELATION, KINDS

NOISES = get_args(NoiseType)
WITHIN = settings(max_examples=25)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def made(count: int = 4, channels: int = 3, height: int = 16, width: int = 16, seed: int = 0) -> Tensor:
    """Images (B, C, H, W) with edges and gradients, of differing contrast and brightness."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, channels, height, width, generator=generator)
    images[..., : height // 2, :] += 1
    images += torch.linspace(0, 1, width)
    size = torch.linspace(0.5, 1.5, count).view(-1, 1, 1, 1)
    return size * (images - 1) + 0.2 * size


def shown(name: str, images: Tensor, labels: Tensor | None = None, **args: Any) -> Presentation:
    """What a loader with some arguments shows of images."""
    more = {key: args.pop(key) for key in ("seed", "first") if key in args}
    labels = torch.arange(len(images)) if labels is None else labels
    return present(make_loader(name, args), images, labels, **more)


def noise(images: Tensor, noisetype: str, **args: Any) -> Tensor:
    """The noise (B, F, C, H, W) that is laid over images."""
    frames = shown("StimulusNoise", images, noisetype=noisetype, **args).frames
    return frames if args.get("ssnr") == 0 else frames - images[:, None]


def variance(images: Tensor) -> Tensor:
    """That of each image over channels and pixels, (B,)."""
    return images.flatten(1).var(1, correction=0)


def power(noise: Tensor) -> Tensor:
    """The mean square for each image, (B,)."""
    return noise.square().flatten(1).mean(1)


def correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's, over everything."""
    return float(torch.corrcoef(torch.stack((one.flatten(), other.flatten())))[0, 1])


# Frames and labels


@pytest.mark.parametrize(
    ("name", "args", "steps", "factor"),
    [
        ("Standard", {"dsteps": 3}, "SSS", 1.0),
        ("StimulusRepetition", {"repeat": 5}, "SSSSS", 1.0),
        ("StimulusDuration", {"dsteps": 7, "stim": 3, "intro": 2}, "..SSS..", 1.0),
        ("StimulusInterval", {"dsteps": 9, "stim": 2, "intro": 1, "interval": 3}, ".SS...SS.", 1.0),
        ("StimulusContrast", {"dsteps": 5, "stim": 2, "intro": 1, "contrast": 0.25}, ".SS..", 0.25),
        ("StimulusContrast", {"dsteps": 5, "stim": 2, "intro": 1}, ".SS..", 1.0),
        ("StimulusNoise", {"dsteps": 5, "stim": 2, "intro": 1, "ssnr": 1}, ".SS..", 1.0),
        ("StimulusDuration", {"dsteps": 3, "stim": 1, "intro": 1, "voidinput": -2.5}, ".S.", 1.0),
    ],
)
def test_frames_and_labels_are_those_of_the_table(name: str, args: dict[str, Any], steps: str, factor: float) -> None:
    images, labels = made(), torch.tensor([3, 0, 9, 1], dtype=torch.uint8)
    presentation = shown(name, images, labels, **args)
    blank = torch.full_like(images, args.get("voidinput", 0.0))
    expected = torch.stack([factor * images if step == "S" else blank for step in steps], 1)
    assert torch.equal(presentation.video(), expected)
    assert presentation.labels.dtype == torch.int64
    for image, label in enumerate(labels.tolist()):
        assert presentation.labels[image].tolist() == [label if step == "S" else -1 for step in steps]


@pytest.mark.parametrize("tempmode", ["dynamic", "static", "correlated"])
def test_noise_is_where_the_stimulus_is(tempmode: str) -> None:
    images = made()
    presentation = shown("StimulusNoise", images, dsteps=6, stim=3, intro=1, tempmode=tempmode)
    video = presentation.video()
    assert video.shape == (4, 6, 3, 16, 16)
    assert not video[:, [0, 4, 5]].any()
    assert all(power(video[:, step] - images).gt(0).all() for step in (1, 2, 3))
    assert presentation.labels.tolist() == [[-1, one, one, one, -1, -1] for one in range(4)]
    assert presentation.frames.shape[1] == (1 if tempmode == "static" else 3)
    assert torch.equal(video[:, 1], video[:, 2]) is (tempmode == "static")


def test_a_still_image_is_not_copied() -> None:
    images = made()
    for name in ("Standard", "StimulusDuration", "StimulusInterval", "StimulusContrast"):
        frames = shown(name, images).frames
        assert frames.shape == (4, 1, 3, 16, 16)
        assert frames.data_ptr() == images.data_ptr()


@pytest.mark.parametrize(
    ("name", "args"), [("StimulusDuration", {}), ("StimulusContrast", {"contrast": 0.5}), ("StimulusNoise", {})]
)
def test_what_was_shown_stays_as_it_was(name: str, args: dict[str, Any]) -> None:
    first = shown(name, made(seed=1), torch.arange(4), **args)
    before = first.video(), first.labels.clone()
    second = shown(name, made(seed=2), torch.arange(4) + 4, **args, first=4)
    assert torch.equal(first.video(), before[0])
    assert torch.equal(first.labels, before[1])
    assert first.frames.data_ptr() != second.frames.data_ptr()


# Noise: how strong


@pytest.mark.parametrize("noisetype", NOISES)
@pytest.mark.parametrize("ssnr", [0.1, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("tempmode", ["dynamic", "correlated"])
def test_the_power_of_noise_is_that_asked_for(noisetype: str, ssnr: float, tempmode: str) -> None:
    images = made(count=8, height=32, width=32)
    found = noise(images, noisetype, ssnr=ssnr, tempmode=tempmode, dsteps=24)
    assert found.shape == (8, 24, 3, 32, 32)
    snr = variance(images) / power(found)
    assert float(snr.mean()) == pytest.approx(ssnr / (1 - ssnr), rel=0.05)
    # One image is a small sample of what is rare (weak salt and pepper) or correlated.
    rel = 0.2 if noisetype == "saltpepper" else 0.1
    assert torch.allclose(snr, torch.full((8,), ssnr / (1 - ssnr)), rtol=rel)


@pytest.mark.parametrize("noisetype", NOISES)
@pytest.mark.parametrize("tempmode", ["dynamic", "correlated"])
def test_without_signal_there_is_noise_as_strong_as_the_image_was(noisetype: str, tempmode: str) -> None:
    images = made(count=3, height=32, width=32)
    found = noise(images, noisetype, ssnr=0, tempmode=tempmode, dsteps=30)
    assert found.isfinite().all()
    assert torch.allclose(power(found), variance(images), rtol=0.05)
    for image, frames in zip(images, found, strict=True):
        assert abs(correlation(image, frames.mean(0))) < 0.1
        # Nor does it say by its strength where the image is bright.
        assert abs(correlation(image, frames.square().mean(0))) < 0.1


@pytest.mark.parametrize("noisetype", NOISES)
@pytest.mark.parametrize("ssnr", [0, 0.2, 1])
def test_an_image_of_one_grey_has_no_noise(noisetype: str, ssnr: float) -> None:
    images = torch.full((1, 3, 8, 8), 0.7)
    found = shown("StimulusNoise", images, noisetype=noisetype, ssnr=ssnr).video()
    assert torch.allclose(found, torch.full_like(found, 0.7 if ssnr else 0.0), atol=1e-5)


@pytest.mark.parametrize("noisetype", ["uniform", "gaussian", "gaussiancorr", "poisson", "phasescrambled"])
def test_noise_has_no_mean(noisetype: str) -> None:
    found = noise(made(count=1, height=32, width=32), noisetype, ssnr=0.5, dsteps=200)
    assert abs(float(found.mean())) < 0.02 * float(found.std())


# Noise: what kind


def test_every_type_of_the_loader_is_made() -> None:
    assert set(KINDS) == set(NOISES)


def test_uniform_noise_is_uniform() -> None:
    images = made(count=1, height=32, width=32)
    found = noise(images, "uniform", ssnr=0.5, dsteps=50).flatten() / (3 * variance(images)).sqrt()
    assert found.abs().max() <= 1 + 1e-5
    shares = torch.histc(found, 10, -1, 1) / found.numel()
    assert torch.allclose(shares, torch.full((10,), 0.1), atol=0.005)


def test_gaussian_noise_is_gaussian_and_without_neighbours() -> None:
    found = noise(made(count=1, height=32, width=32), "gaussian", dsteps=50)[0]
    assert float((found.abs() < found.std()).float().mean()) == pytest.approx(0.6827, abs=0.01)
    assert abs(correlation(found[..., 1:], found[..., :-1])) < 0.02
    assert abs(correlation(found[:, 0], found[:, 1])) < 0.02


@pytest.mark.parametrize("size", [5, 32])
def test_correlated_gaussian_noise_has_the_correlation_of_its_kernel(size: int) -> None:
    found = noise(made(count=1, height=size, width=size), "gaussiancorr", dsteps=3000 if size == 5 else 100)[0]
    ring = [min(one, size - one) for one in range(size)]
    weights = [math.exp(-((one * 6 / 7) ** 2) / 2) if one <= 3 else 0.0 for one in ring]
    for steps in (1, 2, 3):
        shifted = weights[steps:] + weights[:steps]
        expected = sum(a * b for a, b in zip(weights, shifted, strict=True)) / sum(a * a for a in weights)
        for axis in (-2, -1):
            assert correlation(found, found.roll(steps, axis)) == pytest.approx(expected, abs=0.03)


def test_salt_and_pepper_are_the_ends_of_each_image() -> None:
    images = made()
    found = shown("StimulusNoise", images, noisetype="saltpepper", ssnr=0.8, dsteps=10).frames
    for image, frames in zip(images, found, strict=True):
        low, high = image.aminmax()
        changed = frames[frames != image]
        is_low, is_high = torch.isclose(changed, low), torch.isclose(changed, high)
        assert (is_low | is_high).all()
        assert float(is_low.float().mean()) == pytest.approx(0.5, abs=0.1)
        assert 0 < len(changed) < frames.numel() / 2


def test_salt_and_pepper_go_apart_where_flipping_all_is_not_enough() -> None:
    images = torch.where(torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)) < 0.5, -1.0, 1.0)
    frames = shown("StimulusNoise", images, noisetype="saltpepper", ssnr=0.1, dsteps=4).frames
    assert torch.allclose(frames.abs(), torch.full_like(frames, math.sqrt(8)), atol=0.02)


def test_poisson_noise_is_stronger_where_it_is_brighter() -> None:
    images = made(count=1, height=8, width=8)
    found = noise(images, "poisson", ssnr=0.5, dsteps=4000)[0]
    intensity = images[0] - images.min()
    expected = intensity / intensity.mean() * variance(images)
    assert torch.allclose(found.square().mean(0), expected, rtol=0.15, atol=0.02)
    # Images plus noise are counts times one number.
    counts = (found[0] + intensity) / (variance(images) / intensity.mean())
    assert torch.allclose(counts, counts.round(), atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (9, 14), (15, 7)])
def test_phase_scrambled_noise_has_its_spectrum_and_no_mean(height: int, width: int) -> None:
    images = made(count=2, height=height, width=width)
    found = noise(images, "phasescrambled", ssnr=0.5, dsteps=3).double()
    assert found.mean((-2, -1)).abs().max() < 1e-6
    spectrum = torch.fft.fft2(found).abs()
    rows, columns = torch.fft.fftfreq(height).double(), torch.fft.fftfreq(width).double()
    f = (rows[:, None] ** 2 + columns**2).sqrt()
    level = (spectrum * f.sqrt())[..., f > 0]
    assert torch.allclose(level, level[..., :1].expand_as(level), rtol=1e-4)
    assert torch.allclose(power(found), variance(images).double(), rtol=1e-4)


# Noise: in time, and where it comes from


@pytest.mark.parametrize("noisetype", NOISES)
def test_dynamic_noise_is_new_at_each_step(noisetype: str) -> None:
    found = noise(made(count=1, height=32, width=32), noisetype, ssnr=0.5, dsteps=20)[0]
    found = found - found.mean(0)  # salt and pepper have a mean that depends on the pixel
    assert abs(correlation(found[1:], found[:-1]) + 1 / 19) < 0.05


@pytest.mark.parametrize("noisetype", NOISES)
def test_correlated_noise_keeps_its_strength_and_forgets_by_and_by(noisetype: str) -> None:
    images = made(count=1, height=32, width=32)
    found = noise(images, noisetype, ssnr=0.5, dsteps=30, tempmode="correlated")[0]
    for frame in found:
        assert float(power(frame[None])) == pytest.approx(float(variance(images)), rel=0.25)
    lags = [correlation(found[lag:], found[: 30 - lag]) for lag in (1, 2, 4)]
    if noisetype in ("gaussian", "gaussiancorr", "poisson"):
        assert lags == pytest.approx([CORRELATION, CORRELATION**2, CORRELATION**4], abs=0.05)
    assert lags == sorted(lags, reverse=True)
    assert CORRELATION + 0.05 > lags[0] > 0.5


@pytest.mark.parametrize("noisetype", NOISES)
@pytest.mark.parametrize("tempmode", ["dynamic", "static", "correlated"])
@WITHIN
@given(seed=st.integers(0, 2**63 - 1), first=st.integers(0, 10**6), cuts=st.sets(st.integers(1, 5)))
def test_noise_does_not_depend_on_batches(noisetype: str, tempmode: str, seed: int, first: int, cuts: set[int]) -> None:
    loader = make_loader("StimulusNoise", {"noisetype": noisetype, "tempmode": tempmode, "dsteps": 3})
    images, labels = made(count=6, height=4, width=5), torch.arange(6)
    together = present(loader, images, labels, seed=seed, first=first).frames
    edges = [0, *sorted(cuts), 6]
    parts = [
        present(loader, images[start:stop], labels[start:stop], seed=seed, first=first + start).frames
        for start, stop in itertools.pairwise(edges)
    ]
    assert torch.equal(torch.cat(parts), together)


def test_noise_depends_on_the_seed_and_on_the_place_of_the_image() -> None:
    images = made(count=1).expand(3, -1, -1, -1)
    one = noise(images, "gaussian", seed=1)
    assert torch.equal(noise(images, "gaussian", seed=1), one)
    assert abs(correlation(noise(images, "gaussian", seed=2), one)) < 0.05
    assert abs(correlation(one[0], one[1])) < 0.05
    assert torch.equal(noise(images, "gaussian", seed=1, first=1)[0], one[1])


def test_noise_leaves_other_random_numbers_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    for noisetype in NOISES:
        noise(made(), noisetype, tempmode="correlated")
    assert torch.equal(torch.rand(3), expected)


# Training: when the image is there, and when an answer is asked for


def drawn(order: tuple[int, ...]) -> str:
    return "".join("1" if one >= 0 else "0" for one in order)


def test_the_example_of_pattern_and_reaction_time() -> None:
    order = training_order("1011", 20)
    assert drawn(order) == "11111000001111111111"
    found = targets(torch.tensor([6, 2]), order, dt=2.0, lossrt=4.0)
    for row, label in zip(found.tolist(), (6, 2), strict=True):
        assert "".join("L" if one == label else "." for one in row) == "..LLL.......LLLLLLLL"
        assert set(row) == {label, -1}
    assert found.dtype == torch.int64


PATTERNS = st.text("01", min_size=1, max_size=8).filter(lambda text: "1" in text)


@given(pattern=PATTERNS, more=st.integers(0, 30))
def test_a_pattern_is_stretched(pattern: str, more: int) -> None:
    steps = len(pattern) + more
    assert drawn(training_order(pattern, steps)) == "".join(
        pattern[math.floor(step * len(pattern) / steps)] for step in range(steps)
    )


@given(pattern=PATTERNS, times=st.integers(1, 4), seed=st.integers(0, 1000))
def test_a_shuffled_pattern_has_the_same_parts(pattern: str, times: int, seed: int) -> None:
    steps = times * len(pattern)
    order = drawn(training_order(pattern, steps, torch.Generator().manual_seed(seed)))
    assert order == drawn(training_order(pattern, steps, torch.Generator().manual_seed(seed)))
    assert sorted(order) == sorted(pattern * times)
    assert all(len(set(order[start : start + times])) == 1 for start in range(0, steps, times))


def test_patterns_are_shuffled_anew_for_each_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    assert len({training_order("1000", 8, generator) for _ in range(50)}) == 4


@pytest.mark.parametrize("pattern", ["", "0", "000", "10a", "1 0", "12", "¹"])
def test_a_pattern_that_shows_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(BadInput, match="shows no image"):
        training_order(pattern, 20)


def test_a_pattern_longer_than_the_sequence_is_refused() -> None:
    with pytest.raises(BadInput, match="'1011' has 4 parts, and the sequence has tsteps 3"):
        training_order("1011", 3)


@given(
    order=st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=30).map(tuple),
    dt=st.sampled_from([0.1, 0.5, 1.0, 2.0, 3.0]),
    steps=st.integers(1, 12),
)
def test_after_an_onset_it_is_too_early(order: tuple[int, ...], dt: float, steps: int) -> None:
    found = reaction_mask(order, dt, steps * dt)
    left, expected = 0, []
    for step, now in enumerate(order):
        if now >= 0 and (step == 0 or order[step - 1] < 0):
            left = steps
        expected.append(left > 0)
        left -= 1
    assert list(found) == expected
    assert reaction_mask(order, dt, (steps - 0.5) * dt) == found  # a step that is begun counts


def test_the_step_of_an_onset_is_too_early_without_reaction_time_too() -> None:
    assert reaction_mask((0, 0, -1, 0, 0), 2.0, 0.0) == (True, False, False, True, False)
    assert targets(torch.tensor([5]), (0, 0, -1, 0, 0), 2.0, 0.0).tolist() == [[-1, 5, -1, -1, 5]]
    assert targets(torch.tensor([5]), (0, 0, -1, 0, 0), 2.0, None).tolist() == [[5, 5, -1, 5, 5]]


@given(residual=st.integers(0, 10), pattern=PATTERNS, lossrt=st.sampled_from([None, 0.0, 4.0, 100.0]))
def test_answers_are_asked_for_later_where_they_arrive_later(residual: int, pattern: str, lossrt: float | None) -> None:
    labels, order = torch.tensor([1, 0, 7]), training_order(pattern, 12)
    prompt = targets(labels, order, 2.0, lossrt)
    late = targets(labels, order, 2.0, lossrt, residual)
    assert late.shape == (3, 12 + residual)
    assert (late[:, :residual] == -1).all()
    assert torch.equal(late[:, residual:], prompt)


def test_a_training_that_never_asks_is_refused() -> None:
    check_timing("1", 4, 2.0, 6.0)
    check_timing("1011", 20, 2.0, 18.0)
    with pytest.raises(BadInput, match="no step asks for an answer") as caught:
        check_timing("1", 4, 2.0, 8.0)
    assert caught.value.where == "lossrt"
    with pytest.raises(BadInput, match="no step asks"):
        check_timing("1010", 8, 2.0, 4.0)
    with pytest.raises(BadInput, match="shows no image"):
        check_timing("0", 8, 2.0, 4.0)
