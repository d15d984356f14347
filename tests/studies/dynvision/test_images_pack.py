"""Splits and orders; images decoded into one file, and out of it again."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load_file

from quadrat import BadInput
from quadrat_studies.dynvision.images.acquire import acquire
from quadrat_studies.dynvision.images.datasets import DATASETS, Dataset
from quadrat_studies.dynvision.images.links import link_group, link_subset
from quadrat_studies.dynvision.images.pack import decode, pack, pack_split
from quadrat_studies.dynvision.images.packed import Images, open_images
from quadrat_studies.dynvision.images.splits import balanced, round_robin, split

# Splits and orders

label_lists = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(lambda found: np.array(found, np.int64))


@given(label_lists, st.floats(0.05, 0.95), st.integers(0, 2**63))
def test_a_split_is_disjoint_complete_and_stratified(labels: np.ndarray, ratio: float, seed: int) -> None:
    total = round(len(labels) * ratio)
    if total in (0, len(labels)):
        with pytest.raises(BadInput, match="split"):
            split(labels, ratio, seed=seed)
        return
    train, val = split(labels, ratio, seed=seed)
    assert sorted([*train, *val]) == list(range(len(labels)))
    assert len(train) == total
    assert np.all(np.diff(train) > 0)
    assert np.all(np.diff(val) > 0)
    for name, count in Counter(labels.tolist()).items():
        assert abs(int((labels[train] == name).sum()) - count * total / len(labels)) < 1
    assert np.array_equal(train, split(labels, ratio, seed=seed)[0])


def test_a_split_is_drawn() -> None:
    labels = np.repeat(np.arange(3), 40)
    assert len({tuple(split(labels, 0.5, seed=seed)[0]) for seed in range(5)}) == 5


@pytest.mark.parametrize("ratio", [0.0, 1.0, -1.0, 1.5, float("nan")])
def test_a_ratio_outside_is_refused(ratio: float) -> None:
    with pytest.raises(BadInput, match="no ratio"):
        split(np.arange(10), ratio, seed=0)


@given(label_lists)
def test_classes_come_by_turns(labels: np.ndarray) -> None:
    order = round_robin(labels)
    assert sorted(order) == list(range(len(labels)))
    counts = Counter(labels.tolist())
    seen: Counter[int] = Counter()
    for place in order:
        name = int(labels[place])
        assert place == np.flatnonzero(labels == name)[seen[name]]
        seen[name] += 1
        # Nobody is more than one ahead of a class that has images left.
        assert all(seen[name] <= seen[other] + 1 for other in counts if seen[other] < counts[other])


@given(label_lists, st.integers(1, 70))
def test_a_limit_is_shared_among_the_classes(labels: np.ndarray, limit: int) -> None:
    chosen = balanced(labels, limit)
    assert len(chosen) == min(limit, len(labels))
    assert np.all(np.diff(chosen) > 0)
    counts, taken = Counter(labels.tolist()), Counter(labels[chosen].tolist())
    full = max(taken.values())
    assert all(taken[name] >= min(count, full - 1) for name, count in counts.items())


# Decoding


def picture(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(pixels.astype(np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    (image.convert(mode) if mode else image).save(path)
    return path


def test_the_middle_of_the_longer_side_is_taken(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 13, 3))
    wide = decode(picture(tmp_path / "wide.png", pixels), 3, 8)
    assert np.array_equal(wide, pixels[:, 2:10].transpose(2, 0, 1))
    tall = decode(picture(tmp_path / "tall.png", pixels.transpose(1, 0, 2)), 3, 8)
    assert np.array_equal(tall, pixels[:, 2:10].transpose(2, 1, 0))


def test_the_shorter_side_is_brought_to_size(tmp_path: Path) -> None:
    pixels = np.zeros((32, 64, 3))
    pixels[:, :32] = 200
    small = decode(picture(tmp_path / "big.png", pixels), 3, 8)
    assert np.array_equal(small[0, :, :3], np.full((8, 3), 200))
    assert np.array_equal(small[0, :, 5:], np.zeros((8, 3)))
    fine = np.indices((64, 64)).sum(0) % 2 * 255  # without antialiasing this becomes black, white or stripes
    grey = decode(picture(tmp_path / "fine.png", fine), 1, 16)
    assert np.abs(grey.astype(int) - 127).max() <= 3
    large = decode(picture(tmp_path / "small.png", np.full((5, 5), 9)), 1, 16)
    assert np.array_equal(large, np.full((1, 16, 16), 9))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_channels_are_those_of_the_data_set(tmp_path: Path, mode: str) -> None:
    path = picture(tmp_path / "x.png", np.full((4, 4, 3), 255), mode)
    assert np.array_equal(decode(path, 3, 4), np.full((3, 4, 4), 255))
    assert np.array_equal(decode(path, 1, 4), np.full((1, 4, 4), 255))


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.7])
def test_an_image_that_is_cut_off_is_named(tmp_path: Path, kept: float) -> None:
    path = picture(tmp_path / "x.png", np.random.default_rng(0).integers(0, 256, (40, 40, 3)))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(BadInput, match="not an image") as caught:
        decode(path, 3, 40)
    assert caught.value.where == str(path)


# Packing

TINY = Dataset("tiny", (3, 4, 4), 4, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), 3, ("ant", "bee", "cow"))


def tree(folder: Path, counts: dict[str, int], seed: int = 0) -> np.ndarray:
    """Class folders of random PNGs; gives their pixels in the order of the names."""
    pixels = np.random.default_rng(seed).integers(0, 256, (sum(counts.values()), 4, 4, 3), dtype=np.uint8)
    names = [f"{name}/{number:03d}.png" for name in sorted(counts) for number in range(counts[name])]
    for name, image in zip(names, pixels, strict=True):
        picture(folder / name, image)
    return pixels.transpose(0, 3, 1, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tree(tmp_path / "images", {"ant": 7, "bee": 5, "cow": 3})
    return tmp_path / "images"


@given(st.dictionaries(st.sampled_from(TINY.classes or ()), st.integers(1, 4), min_size=1), st.integers(0, 99))
def test_images_go_round(counts: dict[str, int], seed: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        pixels = tree(Path(name, "images"), counts, seed)
        file = Path(name, "train.beton")
        sha256 = pack(Path(name, "images"), file, TINY, classes=TINY.classes)
        found = open_images(file, verify=True)
        assert len(found) == len(pixels)
        assert np.array_equal(found.images, pixels)
        assert [TINY.classes[label] for label in found.labels] == [  # type: ignore[index]
            name for name in sorted(counts) for _ in range(counts[name])
        ]
        assert (found.classes, found.mean, found.std, found.sha256) == (TINY.classes, TINY.mean, TINY.std, sha256)
        assert sorted(path.name for path in Path(name).iterdir()) == ["images", "train.beton"]


def test_any_reader_of_safetensors_opens_it(folder: Path, tmp_path: Path) -> None:
    pack(folder, tmp_path / "x.beton", TINY)
    plain, found = load_file(tmp_path / "x.beton"), open_images(tmp_path / "x.beton")
    assert plain.keys() == {"images", "labels"}
    assert np.array_equal(plain["images"], found.images)
    assert np.array_equal(plain["labels"], found.labels)


def test_the_file_is_mapped_and_stays_as_it_is(folder: Path, tmp_path: Path) -> None:
    pack(folder, tmp_path / "x.beton", TINY)
    found = open_images(tmp_path / "x.beton")
    assert isinstance(found.images, np.memmap)
    found.images[:] = 0
    assert open_images(tmp_path / "x.beton", verify=True).images.any()


def test_threads_change_nothing(folder: Path, tmp_path: Path) -> None:
    assert len({pack(folder, tmp_path / "x.beton", TINY, threads=threads) for threads in (1, 3)}) == 1


def test_a_group_keeps_the_labels_of_all_classes(folder: Path, tmp_path: Path) -> None:
    link_subset(folder, tmp_path / "all")
    link_group(tmp_path / "all", tmp_path / "group", ["cow", "bee"])
    pack(tmp_path / "group", tmp_path / "x.beton", TINY, classes=TINY.classes)
    assert Counter(open_images(tmp_path / "x.beton").labels.tolist()) == {1: 5, 2: 3}
    with pytest.raises(BadInput, match="unknown class 'bee'"):
        pack(tmp_path / "group", tmp_path / "x.beton", TINY, classes=["ant", "bees", "cow"])


def test_limited_and_split(folder: Path, tmp_path: Path) -> None:
    files = tmp_path / "train.beton", tmp_path / "val.beton"
    pack_split(folder, *files, TINY, train_ratio=0.5, limit=8)
    train, val = (open_images(file) for file in files)
    assert len(train) == len(val) == 4
    both = np.concatenate([train.images, val.images]).reshape(8, -1)
    assert len(np.unique(both, axis=0)) == 8
    assert Counter([*train.labels, *val.labels]) == {0: 3, 1: 3, 2: 2}
    pack(folder, tmp_path / "all.beton", TINY, limit=8)
    whole = open_images(tmp_path / "all.beton").images.reshape(8, -1)
    assert np.array_equal(np.unique(both, axis=0), np.unique(whole, axis=0))


def test_a_bad_image_leaves_no_file(folder: Path, tmp_path: Path) -> None:
    (folder / "bee" / "002.png").write_bytes(b"no image")
    with pytest.raises(BadInput, match="not an image") as caught:
        pack(folder, tmp_path / "x.beton", TINY, threads=2)
    assert caught.value.where == str(folder / "bee" / "002.png")
    assert list(tmp_path.iterdir()) == [folder]


def test_nothing_to_pack(tmp_path: Path) -> None:
    (tmp_path / "images" / "ant").mkdir(parents=True)
    with pytest.raises(BadInput, match="no image to pack"):
        pack(tmp_path / "images", tmp_path / "x.beton", TINY)
    with pytest.raises(BadInput, match="leaves none"):
        pack(tmp_path / "images", tmp_path / "x.beton", TINY, limit=0)


@pytest.fixture(scope="module")
def packed_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("packed")
    tree(folder / "images", {"ant": 2, "bee": 1})
    pack(folder / "images", folder / "x.beton", TINY)
    return (folder / "x.beton").read_bytes()


def opened(content: bytes, *, verify: bool = False) -> Images:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "x.beton")
        file.write_bytes(content)
        return open_images(file, verify=verify)


@given(kept=st.floats(0, 1, exclude_max=True))
def test_a_file_that_is_cut_off_is_refused(packed_bytes: bytes, kept: float) -> None:
    with pytest.raises(BadInput):
        opened(packed_bytes[: int(kept * len(packed_bytes))])


@given(place=st.integers(0, 10_000), change=st.integers(1, 255))
def test_a_changed_byte_is_found(packed_bytes: bytes, place: int, change: int) -> None:
    content = bytearray(packed_bytes)
    start = 8 + int.from_bytes(content[:8], "little")
    content[start + place % (len(content) - start)] ^= change
    with pytest.raises(BadInput, match=r"checksum|no class"):
        opened(bytes(content), verify=True)


@given(content=st.binary(max_size=200))
def test_what_is_no_packed_file_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput):
        opened(content)


@pytest.mark.parametrize(
    "change",
    [
        {"labels": {"shape": [2]}},
        {"images": {"shape": [3, 48]}},
        {"__metadata__": {}},
        {"__metadata__": {"dynvision": "{}"}},
        {"images": None},
    ],
)
def test_a_header_that_does_not_fit_is_refused(packed_bytes: bytes, change: dict[str, Any]) -> None:
    end = 8 + int.from_bytes(packed_bytes[:8], "little")
    header = json.dumps({**json.loads(packed_bytes[8:end]), **change}).encode()
    with pytest.raises(BadInput, match="not packed images, or damaged"):
        opened(len(header).to_bytes(8, "little") + header + packed_bytes[end:])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no packed images") as caught:
        open_images(tmp_path / "x.beton")
    assert caught.value.where == str(tmp_path / "x.beton")


def test_digits_from_the_source_to_the_file(tmp_path: Path) -> None:
    data = DATASETS["digits"]
    link_subset(acquire("digits", "train", tmp_path / "raw"), tmp_path / "train_all")
    files = tmp_path / "train.beton", tmp_path / "val.beton"
    pack_split(tmp_path / "train_all", *files, data)
    train, val = (open_images(file, verify=True) for file in files)
    assert (len(train), len(val)) == (1293, 144)
    pixels = np.concatenate([train.images, val.images])
    assert pixels.shape == (1437, 1, 8, 8)
    assert round(float((pixels / 255).mean()), 4) == data.mean[0]
    assert Counter(val.labels.tolist()).keys() == set(range(10))


@pytest.mark.slow
def test_all_of_cifar10(data_root: Path | None, tmp_path: Path) -> None:
    if data_root is None or not (data_root / "cifar10.tar.xz").exists():
        pytest.skip("no CIFAR-10: set QUADRAT_DATA to a folder with cifar10.tar.xz (or put it at ../shared/data)")
    raw = acquire("cifar10", "test", tmp_path / "raw", data_root=data_root)
    assert link_subset(raw, tmp_path / "test_all").classes == dict.fromkeys(DATASETS["cifar10"].classes or (), 1000)
    pack(tmp_path / "test_all", tmp_path / "x.beton", DATASETS["cifar10"])
    found = open_images(tmp_path / "x.beton", verify=True)
    assert found.images.shape == (10000, 3, 32, 32)
    assert np.allclose((found.images / 255).mean((0, 2, 3)), (0.4942, 0.4851, 0.4504), atol=2e-3)


# FFCV's format: a stand-in with its documented interface, since FFCV itself needs a compiler and OpenCV


class Order(Enum):
    SEQUENTIAL = 1


class Field:
    def __init__(self, *args: Any) -> None:
        self.args = args


class JSONField(Field):
    @staticmethod
    def unpack(batch: list[str]) -> list[Any]:
        return [json.loads(one) for one in batch]


class Writer:
    def __init__(self, file: str, fields: dict[str, Field]) -> None:
        self.file, self.fields = file, fields

    def from_indexed_dataset(self, samples: Any) -> None:
        images, labels, about = zip(*(samples[index] for index in range(len(samples))), strict=True)
        dtype, shape = self.fields["image"].args
        assert all(image.dtype == dtype and image.shape == shape for image in images)
        with Path(self.file).open("wb") as stream:
            stream.write(bytes([2, 0, 3, 0, 0, 0, 128, 0]))  # version, number of fields, size of a page
            np.savez(stream, image=np.stack(images), label=labels, about=[json.dumps(one) for one in about])


class Loader:
    def __init__(
        self,
        file: str,
        batch_size: int,
        *,
        order: Order,
        drop_last: bool,
        pipelines: dict[str, None],
        indices: list[int] | None = None,
    ) -> None:
        assert order is Order.SEQUENTIAL
        assert not drop_last
        with Path(file).open("rb") as stream:
            stream.seek(8)
            content = dict(np.load(stream))
        self.names = [name for name in ("image", "label", "about") if name not in pipelines]
        self.content = {name: values[indices or slice(None)] for name, values in content.items()}
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(self.content["label"]), self.batch_size):
            batch = slice(start, start + self.batch_size)
            yield tuple(self.tensor(name, self.content[name][batch]) for name in self.names)

    @staticmethod
    def tensor(name: str, values: np.ndarray) -> Any:
        shaped = values.reshape(-1, 1) if name == "label" else values
        return list(values) if name == "about" else SimpleNamespace(numpy=lambda: shaped)


@pytest.fixture
def ffcv(monkeypatch: pytest.MonkeyPatch) -> None:
    content: dict[str, dict[str, Any]] = {
        "ffcv": {},
        "ffcv.fields": {"NDArrayField": Field, "IntField": Field, "JSONField": JSONField},
        "ffcv.writer": {"DatasetWriter": Writer},
        "ffcv.loader": {"Loader": Loader, "OrderOption": Order},
    }
    for name, members in content.items():
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.usefixtures("ffcv")
def test_ffcv_holds_the_same_content(folder: Path, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.beton", tmp_path / "theirs.beton"
    assert pack(folder, ours, TINY) == pack(folder, theirs, TINY, use_ffcv=True)
    one, other = open_images(ours), open_images(theirs, verify=True)
    assert np.array_equal(one.images, other.images)
    assert np.array_equal(one.labels, other.labels)
    assert (one.classes, one.mean, one.std) == (other.classes, other.mean, other.std)
    theirs.write_bytes(theirs.read_bytes()[:8] + b"damaged")
    with pytest.raises(BadInput, match="not images that FFCV can read"):
        open_images(theirs)


def test_without_ffcv_it_says_what_to_install(folder: Path, tmp_path: Path) -> None:
    if "ffcv" in sys.modules:
        pytest.skip("FFCV is installed")
    with pytest.raises(BadInput, match="FFCV is not installed") as caught:
        pack(folder, tmp_path / "x.beton", replace(TINY), use_ffcv=True)
    assert "pip install ffcv" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == [folder]
