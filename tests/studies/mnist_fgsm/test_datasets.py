"""IDX files, good and bad; the digits' split; the one file that the data task keeps."""

from __future__ import annotations

import gzip
import hashlib
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from quadrat import BadInput
from quadrat_studies.mnist_fgsm import datasets, idx, tensors

NOWHERE = ("file:///nowhere/at/all",)


def encoded(array: np.ndarray, magic: int | None = None) -> bytes:
    header = struct.pack(f">{1 + array.ndim}I", 0x800 | array.ndim if magic is None else magic, *array.shape)
    return header + array.tobytes()


IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def test_idx_round_trip() -> None:
    assert np.array_equal(idx.parse(encoded(IMAGES), axes=3, where="x"), IMAGES)


@pytest.mark.parametrize(
    ("content", "axes", "expected"),
    [
        pytest.param(
            encoded(IMAGES)[:-1], 3, "truncated IDX file: 2 x 3 x 4 is 24 bytes of data, there are 23", id="cut"
        ),
        pytest.param(encoded(IMAGES) + b"!", 3, "too long IDX file", id="long"),
        pytest.param(encoded(IMAGES)[:9], 3, "shorter than its header", id="header cut"),
        pytest.param(b"", 1, "shorter than its header", id="empty"),
        pytest.param(encoded(IMAGES), 1, "magic 0x00000803, not 0x00000801", id="images as labels"),
        pytest.param(encoded(IMAGES, magic=0xD03), 3, "magic 0x00000d03", id="floats"),
    ],
)
def test_bad_idx_names_the_file_and_the_fault(content: bytes, axes: int, expected: str) -> None:
    with pytest.raises(BadInput, match=expected) as caught:
        idx.parse(content, axes=axes, where="here.gz")
    assert caught.value.where == "here.gz"


def test_missing_file_says_which_where_and_how(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        idx.read_mnist(tmp_path, mirrors=NOWHERE)
    assert idx.TRAIN_IMAGES in caught.value.message
    assert NOWHERE[0] in caught.value.message
    assert caught.value.where == str(tmp_path)
    assert "QUADRAT_DATA" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []


def test_damaged_gzip_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / idx.TRAIN_IMAGES
    path.write_bytes(gzip.compress(encoded(IMAGES))[:-12])
    with pytest.raises(BadInput, match="damaged or truncated gzip") as caught:
        idx.read_mnist(tmp_path, mirrors=NOWHERE)
    assert caught.value.where == str(path)


def test_another_data_set_under_the_same_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / idx.TRAIN_IMAGES).write_bytes(gzip.compress(encoded(IMAGES)))
    with pytest.raises(BadInput, match="checksum differs"):
        idx.read_mnist(tmp_path, mirrors=NOWHERE)


def test_download_checks_the_content_and_takes_the_next_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, right, target = tmp_path / "wrong", tmp_path / "right", tmp_path / "mnist"
    content = encoded(IMAGES)
    for folder, packed in ((wrong, gzip.compress(b"something else")), (right, gzip.compress(content))):
        folder.mkdir()
        (folder / "few.idx3.gz").write_bytes(packed)
    monkeypatch.setattr(idx, "SHA256", {"few.idx3.gz": hashlib.sha256(content).hexdigest()})
    found = idx.read_mnist(target, mirrors=(wrong.as_uri(), right.as_uri()))
    assert np.array_equal(found["few.idx3.gz"], IMAGES)
    assert [path.name for path in target.iterdir()] == ["few.idx3.gz"]
    assert np.array_equal(idx.read_mnist(target, mirrors=NOWHERE)["few.idx3.gz"], IMAGES)


def test_digits_are_split_once_for_all_and_evenly() -> None:
    arrays = datasets.load("digits")
    assert arrays.train_images.shape == (1437, 8, 8)
    assert arrays.test_images.shape == (360, 8, 8)
    every = np.bincount(np.concatenate([arrays.train_labels, arrays.test_labels]))
    assert np.abs(np.bincount(arrays.test_labels) - every * 360 / 1797).max() <= 1
    together = np.concatenate([arrays.train_images, arrays.test_images])
    assert int(together.sum(dtype=np.int64)) == 561718  # of scikit-learn's file: nothing lost, nothing twice
    assert arrays.sha256() == datasets.load("digits").sha256()


def test_unknown_data_set_and_missing_root(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="unknown data set 'mnsit'"):
        datasets.load("mnsit")
    monkeypatch.delenv("QUADRAT_DATA", raising=False)
    with pytest.raises(BadInput, match="no folder"):
        datasets.load("mnist")


def test_saved_file_opens_once_per_process_with_the_same_content(tmp_path: Path) -> None:
    arrays = datasets.load("digits")
    path = tmp_path / "data.safetensors"
    assert datasets.save(arrays, path) == arrays.sha256()
    opened = tensors.open_data(path)
    assert tensors.open_data(str(path)) is opened
    assert np.array_equal(opened.train_images.numpy(), arrays.train_images.reshape(-1, 64))
    assert np.array_equal(opened.test_labels.numpy(), arrays.test_labels)
    normal = opened.normalise(opened.train_images)
    assert normal.mean().abs() < 1e-3
    assert abs(float(normal.std()) - 1) < 1e-3


def test_content_changes_the_checksum() -> None:
    arrays = datasets.load("digits")
    before = arrays.sha256()
    arrays.test_images[0, 0, 0] += 1
    assert arrays.sha256() != before


@pytest.mark.parametrize("content", [None, b"", b"no safetensors at all"])
def test_a_file_that_is_no_data_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "data.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        tensors.open_data(path)
    assert caught.value.where == str(path)


def test_mnist_is_read_and_opened_fast(mnist_root: Path, tmp_path: Path) -> None:
    arrays = datasets.load("mnist")
    assert arrays.train_images.shape == (60000, 28, 28)
    assert arrays.test_labels.shape == (10000,)
    path = tmp_path / "mnist.safetensors"
    datasets.save(arrays, path)
    start = time.perf_counter()
    data = tensors.open_data(path)
    assert time.perf_counter() - start < 0.3
    some = data.normalise(data.train_images[:1000])
    expected = (torch.from_numpy(arrays.train_images[:1000].reshape(1000, -1) / 255) - 0.1307) / 0.3081
    assert torch.allclose(some, expected.float(), atol=1e-5)
