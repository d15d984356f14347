"""Batches: their order, their epochs, and what may be changed in an image."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from quadrat import BadInput
from quadrat_studies.dynvision.images.augment import DRAWS, augmented, normalised
from quadrat_studies.dynvision.images.batches import Batches
from quadrat_studies.dynvision.images.datasets import DATASETS
from quadrat_studies.dynvision.images.packed import Images
from quadrat_studies.dynvision.images.presets import PRESETS, Augmentation, preset

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
CIFAR = DATASETS["cifar10"]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def made(count: int = 23, channels: int = 3, side: int = 6) -> Images:
    """Random images of three classes, half as many of the third."""
    generator = np.random.default_rng(count)
    pixels = generator.integers(0, 256, (count, channels, side, side), dtype=np.uint8)
    labels = np.sort(np.arange(count) % 5 // 2).astype(np.int64)
    return Images(labels, ("a", "b", "c"), MEAN[:channels], STD[:channels], pixels, "")


def passed(batches: Batches) -> tuple[Tensor, Tensor]:
    pixels, labels = zip(*batches, strict=True)
    return torch.cat(pixels), torch.cat(labels)


# Order, length, epochs


def test_tests_see_the_classes_by_turns() -> None:
    images = made()
    pixels, labels = passed(Batches(images, 4))
    assert labels[:9].tolist() == [0, 1, 2] * 3
    first = torch.from_numpy(images.images[0]).double() / 255
    expected = (first - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    assert torch.allclose(pixels[0].double(), expected, atol=1e-6)
    assert pixels.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert sorted(labels.tolist()) == sorted(images.labels.tolist())


@pytest.mark.parametrize(
    ("size", "drop_last", "limit", "sizes"),
    [
        (10, False, None, [10, 10, 3]),
        (10, True, None, [10, 10]),
        (10, False, 12, [10, 2]),
        (10, True, 12, [10]),
        (50, False, 99, [23]),
    ],
)
def test_sizes(size: int, drop_last: bool, limit: int | None, sizes: list[int]) -> None:
    batches = Batches(made(), size, drop_last=drop_last, limit=limit, shuffle=True)
    assert [len(labels) for _, labels in batches] == sizes
    assert len(batches) == len(sizes)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"batch_size": 4, "limit": 0}, {"batch_size": 24}])
def test_no_batch_at_all_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Batches(made(), **options, drop_last=True)


def test_every_pass_is_an_epoch_that_can_be_had_again() -> None:
    def new(seed: int = 3) -> Batches:
        return Batches(made(), 5, shuffle=True, seed=seed, augment=PRESETS["torch"])

    batches = new()
    epochs = [passed(batches)[0] for _ in range(3)]
    assert not torch.equal(epochs[0], epochs[1])
    later = new()
    later.set_epoch(2)
    assert torch.equal(passed(later)[0], epochs[2])
    assert torch.equal(passed(new())[0], epochs[0])
    assert not torch.equal(passed(new(seed=4))[0], epochs[0])


@pytest.mark.parametrize("name", ["none", "ffcv", "torch"])
def test_another_batch_size_changes_no_image(name: str) -> None:
    one, other = (passed(Batches(made(), size, shuffle=True, augment=PRESETS[name])) for size in (4, 9))
    assert torch.equal(one[1], other[1])
    assert torch.allclose(one[0], other[0], atol=1e-5)


def test_every_image_is_seen_once_whatever_the_augmentation() -> None:
    images = made()
    plain, labels = passed(Batches(images, 5, shuffle=True))
    everything = normalised(torch.from_numpy(images.images), MEAN, STD)
    assert torch.equal(plain.flatten(1).unique(dim=0), everything.flatten(1).unique(dim=0))
    assert torch.equal(passed(Batches(images, 5, shuffle=True, augment=PRESETS["ffcv"]))[1], labels)


def test_batches_may_be_kept() -> None:
    kept = list(Batches(made(), 5))
    assert torch.equal(torch.cat([labels for _, labels in kept]), passed(Batches(made(), 5))[1])
    assert not torch.equal(kept[0][0], kept[1][0])


# Augmentation


def drawn(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, DRAWS, generator=torch.Generator().manual_seed(seed))


def bytes_of(count: int = 16, channels: int = 3, side: int = 8) -> Tensor:
    return torch.from_numpy(made(count, channels, side).images)


amounts = st.floats(0, 0.5)


@given(
    st.builds(Augmentation, amounts, amounts, st.floats(0, 180), amounts, amounts, amounts),
    st.sampled_from([1, 3]),
    st.integers(0, 99),
)
def test_shape_type_and_range_are_kept(augmentation: Augmentation, channels: int, seed: int) -> None:
    pixels, mean, std = bytes_of(4, channels), MEAN[:channels], STD[:channels]
    found = augmented(pixels, drawn(4, seed), augmentation, mean, std)
    assert found.shape == pixels.shape
    assert found.dtype == torch.float32
    back = found * torch.tensor(std).view(-1, 1, 1) + torch.tensor(mean).view(-1, 1, 1)
    assert -1e-5 <= back.min() <= back.max() <= 1 + 1e-5


@given(st.integers(0, 99))
def test_no_change_is_exact(seed: int) -> None:
    pixels = bytes_of()
    assert torch.equal(augmented(pixels, drawn(16, seed), PRESETS["none"], MEAN, STD), normalised(pixels, MEAN, STD))
    assert torch.equal(passed(Batches(made(), 5, augment=PRESETS["none"]))[0], passed(Batches(made(), 5))[0])


def test_flips_are_exact_and_drawn_for_each_image() -> None:
    pixels, draws = bytes_of(), drawn(16)
    found = augmented(pixels, draws, Augmentation(flip=0.5), MEAN, STD)
    flipped = draws[:, 0] < 0.5
    assert 0 < flipped.sum() < 16
    expected = torch.where(flipped.view(-1, 1, 1, 1), pixels.flip(3), pixels)
    assert torch.equal(found, normalised(expected, MEAN, STD))


def test_shifts_are_crops_of_the_padded_image() -> None:
    pixels, draws = bytes_of(200), drawn(200)
    found = augmented(pixels, draws, Augmentation(shift=0.25), MEAN, STD)
    padded = torch.nn.functional.pad(pixels, (2, 2, 2, 2))
    seen = set()
    for image, frame, draw in zip(found, padded, draws, strict=True):
        top, left = int(draw[1] * 5), int(draw[2] * 5)
        seen.add((top, left))
        assert torch.equal(image, normalised(frame[None, :, top : top + 8, left : left + 8], MEAN, STD)[0])
    assert len(seen) == 25


def test_a_quarter_turn_is_one() -> None:
    pixels = bytes_of()
    draws = torch.full((16, DRAWS), 0.5)
    draws[:, 3] = 1.0
    found = augmented(pixels, draws, Augmentation(rotate=90), MEAN, STD)
    assert torch.allclose(found, normalised(torch.rot90(pixels, 1, (2, 3)), MEAN, STD), atol=1e-3)
    draws[:, 3] = 0.5
    assert torch.allclose(
        augmented(pixels, draws, Augmentation(rotate=90), MEAN, STD), normalised(pixels, MEAN, STD), atol=1e-3
    )


def test_turning_flips_and_shifts_too() -> None:
    pixels = bytes_of()
    draws = torch.full((16, DRAWS), 0.5)
    draws[:, 0], draws[:, 1] = 0.0, 1.0
    found = augmented(pixels, draws, Augmentation(flip=0.5, shift=0.25, rotate=10), MEAN, STD)
    moved = torch.zeros_like(pixels)
    moved[:, :, :6] = pixels.flip(3)[:, :, 2:]
    assert torch.allclose(found, normalised(moved, MEAN, STD), atol=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_colours_by_the_definition(channels: int) -> None:
    pixels, draws = bytes_of(channels=channels), drawn(16).double()
    amounts = {"brightness": 0.6, "contrast": 0.3, "saturation": 0.9}
    mean, std = MEAN[:channels], STD[:channels]
    found = augmented(pixels, draws.float(), Augmentation(**amounts), mean, std)
    weights = torch.tensor([0.299, 0.587, 0.114] if channels == 3 else [1.0], dtype=torch.float64).view(-1, 1, 1)
    for image, result, draw in zip(pixels.double() / 255, found, draws, strict=True):
        b, c, s = (1 + (2 * draw[4 + place] - 1) * amount for place, amount in enumerate(amounts.values()))
        bright = b * image
        contrasted = c * bright + (1 - c) * (weights * bright).sum(0).mean()
        saturated = s * contrasted + (1 - s) * (weights * contrasted).sum(0, keepdim=True)
        expected = normalised(saturated.clamp(0, 1).float() * 255, mean, std)
        assert torch.allclose(result, expected, atol=1e-4)


def test_presets_by_name() -> None:
    assert preset("none", CIFAR) == Augmentation()
    assert preset("torch", CIFAR).rotate == 10
    assert preset("ffcv", CIFAR).flip == 0.5
    assert preset("ffcv", DATASETS["digits"]) == replace(PRESETS["ffcv"], flip=0)
    with pytest.raises(BadInput, match="unknown augmentation 'troch'") as caught:
        preset("troch", CIFAR)
    assert caught.value.hint == "did you mean 'torch'?"


# Lightning


def test_lightning_takes_them_and_goes_on_where_it_was(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Lightning says about workers, loggers and its own dependencies
        seen = {name: _trained(tmp_path, name, *plan) for name, plan in _PLANS.items()}
    assert len(seen["whole"]) == 3
    assert seen["first"] == seen["whole"][:2]
    assert seen["rest"] == seen["whole"][2:]
    assert len({tuple(epoch) for epoch in seen["whole"]}) == 3


_PLANS: dict[str, tuple[int, str | None]] = {"whole": (3, None), "first": (2, None), "rest": (3, "first")}


def _trained(folder: Path, name: str, epochs: int, start: str | None) -> list[list[float]]:
    """What a training sees: a number for each batch, by epoch."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)
            self.seen: list[list[float]] = []

        def on_train_epoch_start(self) -> None:
            self.seen.append([])

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
            self.seen[-1].append(float(batch[0].double().sum()))
            return self.layer(batch[0].mean().view(1, 1)).sum()

        def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
            assert len(batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=1e-3)

    module = Module()
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    training = Batches(made(), 5, shuffle=True, augment=PRESETS["ffcv"])
    checkpoint = str(folder / f"{start}.ckpt") if start else None
    trainer.fit(module, training, Batches(made(), 5), ckpt_path=checkpoint)
    trainer.save_checkpoint(folder / f"{name}.ckpt")
    return module.seen
