"""The data: what each sample is made of, and which samples are normal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from quadrat import BadInput
from quadrat_studies.wwdc.catalog import making, reading, sources
from quadrat_studies.wwdc.params import FACTORS, Catalog, HeldOut


@pytest.fixture(scope="module")
def spec() -> Catalog:
    return Catalog(images=400, copies=2, anomalies=50)


@pytest.fixture(scope="module")
def made(spec: Catalog) -> xr.Dataset:
    return making.make(spec, *sources.load("digits"))


def test_normal_samples_lie_in_their_ranges_and_anomalies_outside(made: xr.Dataset, spec: Catalog) -> None:
    kinds = {name: np.flatnonzero(made.kind.values == number) for number, name in enumerate(making.KINDS)}
    normal = made.isel(sample=kinds["normal"])
    for name in FACTORS:
        low, high = getattr(spec, name)
        assert low <= normal[name].min() <= normal[name].max() <= high
    assert 9 not in normal.label
    assert set(made.label.values[kinds["digit"]]) == {9}
    assert made.r.values[kinds["colour"]].max() <= spec.held_out.r[1]
    assert np.abs(made.angle.values[kinds["angle"]]).min() >= spec.held_out.angle[0]
    assert {len(kinds[name]) for name in making.KINDS[1:]} == {50}


def test_no_digit_is_in_two_splits(made: xr.Dataset) -> None:
    normal = made.isel(sample=np.flatnonzero(made.kind.values == 0))
    sources_of = [set(normal.source.values[normal.split.values == number]) for number in range(3)]
    assert all(sources_of)
    assert not any(a & b for n, a in enumerate(sources_of) for b in sources_of[n + 1 :])


def test_the_same_seed_gives_the_same_data_and_another_one_does_not(made: xr.Dataset, spec: Catalog) -> None:
    again = making.make(spec, *sources.load("digits"))
    other = making.make(spec.model_copy(update={"seed": 1}), *sources.load("digits"))
    assert again.identical(made)
    assert not np.array_equal(other.image.values, made.image.values)


def test_an_image_is_the_grey_digit_times_its_colour() -> None:
    """Without rotation and scaling, at the digit's own size, the formula is exact but for rounding to bytes."""
    still = Catalog(images=50, size=8, angle=(0, 0), scale=(1, 1), anomalies=0)
    grey, labels = sources.load("digits")
    made = making.make(still, grey, labels)
    colours = np.stack([made[name].values for name in "rgb"], axis=1)
    expected = grey[made.source.values][:, None] * colours[:, :, None, None]
    assert np.abs(made.image.values - expected).max() <= 0.5 + 1e-3


def test_angles_turn_anticlockwise_and_scales_enlarge() -> None:
    bar = np.zeros((1, 33, 33), np.uint8)
    bar[0, 16, 16:] = 255  # from the centre to the right
    turned = Catalog(images=1, size=33, angle=(90, 90), scale=(1, 1), r=(1, 1), anomalies=0, val_share=0, test_share=0)
    (image,) = making.make(turned, bar, np.zeros(1, np.int64)).image.values
    assert image[0, :16, 16].min() > 200  # now it goes up
    assert image[0, 18:].max() == 0
    square = np.zeros((1, 33, 33), np.uint8)
    square[0, 12:21, 12:21] = 255
    half = turned.model_copy(update={"angle": (0.0, 0.0), "scale": (0.5, 0.5)})
    (image,) = making.make(half, square, np.zeros(1, np.int64)).image.values
    assert image[0].sum() == pytest.approx(square.sum() / 4, rel=0.3)  # edges are blurred
    assert image[0, :13].max() == 0 == image[0, 20:].max()


def test_a_catalog_is_kept_whole_and_another_is_refused(tmp_path: Path, spec: Catalog, made: xr.Dataset) -> None:
    kept = reading.ensure(spec, tmp_path / "rgdigit.zarr")
    assert kept.image.equals(made.image)
    assert list(tmp_path.iterdir()) == [tmp_path / "rgdigit.zarr"]
    with pytest.raises(BadInput, match="made from another definition"):
        reading.ensure(spec.model_copy(update={"copies": 3}), tmp_path / "rgdigit.zarr")


def test_an_empty_split_is_told_with_what_there_is(tmp_path: Path) -> None:
    few = Catalog(images=4, held_out=HeldOut(label=9), anomalies=0, val_share=0.01)
    with pytest.raises(BadInput, match=r"the split 'val' of the catalog is empty"):
        reading.build(few, tmp_path / "few.zarr")


def test_the_context_has_the_label_and_the_factors_that_are_left(made: xr.Dataset, spec: Catalog) -> None:
    found = reading.conditions(made, spec, ["b", "angle", "scale"], context=12)
    assert found.values.shape == (made.sizes["sample"], 12)
    assert found.factors == ("r", "g")
    assert (found.values[:, :10].argmax(1).numpy() == made.label.values).all()
    normal = found.values[made.kind.values == 0, 10:]
    assert -1 <= float(normal.min()) < -0.9 < 0.9 < float(normal.max()) <= 1
    with pytest.raises(BadInput, match=r"context of 12 numbers, but the data give 15"):
        reading.conditions(made, spec, [], context=12)
    with pytest.raises(BadInput, match=r"no factor 'sclae'[\s\S]*did you mean 'scale'"):
        reading.conditions(made, spec, ["sclae"])


def test_mnist_needs_a_folder_and_whole_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="no folder for MNIST"):
        sources.load("mnist")
    monkeypatch.setenv("QUADRAT_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    for name in sources.FILES:
        (tmp_path / "mnist" / name).write_bytes(b"no gzip")
    with pytest.raises(BadInput, match="the file is damaged"):
        sources.load("mnist")


def test_a_missing_file_is_asked_for_at_the_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUADRAT_DATA", str(tmp_path))
    monkeypatch.setattr(sources, "MIRROR", "http://127.0.0.1:9/mnist")
    with pytest.raises(BadInput, match=r"http://127.0.0.1:9/mnist/train-images[\s\S]*cannot be had"):
        sources.load("mnist")


def test_mnist_is_read_as_it_is(data_root: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if data_root is None:
        pytest.skip("needs MNIST: set QUADRAT_DATA")
    monkeypatch.setenv("QUADRAT_DATA", str(data_root))
    images, labels = sources.load("mnist")
    assert images.shape == (60000, 28, 28)
    assert np.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
