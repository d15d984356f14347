"""Data sets into class folders: the digits at hand, archives good and bad, a network that fails, mounted folders."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from quadrat import BadInput
from quadrat_studies.dynvision.images import acquire, published
from quadrat_studies.dynvision.images.acquire import check
from quadrat_studies.dynvision.images.datasets import DATASETS, dataset
from quadrat_studies.dynvision.images.download import Archive
from quadrat_studies.dynvision.images.folders import class_names, describe, image_files

get = acquire.acquire


def encoded(colour: tuple[int, int, int] = (10, 20, 30), kind: str = "JPEG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(stream, kind)
    return stream.getvalue()


def tar_of(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def class_folders(classes: list[str], top: str = "", subsets: tuple[str, ...] = ("train", "test")) -> dict[str, bytes]:
    image = encoded()
    return {f"{top}{subset}/{name}/{number}.jpg": image for subset in subsets for name in classes for number in (0, 1)}


def read_pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw" / "train"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def nothing_is_left(raw: Path) -> bool:
    return not raw.parent.exists() or list(raw.parent.iterdir()) == []


# The digits


def test_digits_are_split_once_for_all(tmp_path: Path) -> None:
    folders = {subset: get("digits", subset, tmp_path / subset) for subset in ("train", "test")}
    train, test = (describe(folder) for folder in folders.values())
    assert (train.images, test.images) == (1437, 360)
    for name in DATASETS["digits"].classes or ():
        assert abs(test.classes[name] - 0.2003 * (train.classes[name] + test.classes[name])) < 1
    stacked = {
        subset: np.stack([read_pixels(path) for path in folder.glob("*/*")]) for subset, folder in folders.items()
    }
    # scikit-learn's pixels go from 0 to 16 and sum up to 561718: nothing lost, nothing twice.
    assert sum(np.rint(one * (16 / 255)).sum() for one in stacked.values()) == 561718
    assert stacked["train"].max() == 255
    assert DATASETS["digits"].mean == (round(float((stacked["train"] / 255).mean()), 4),)
    assert DATASETS["digits"].std == (round(float((stacked["train"] / 255).std()), 4),)
    assert describe(get("digits", "test", tmp_path / "again")) == test


def test_what_is_there_is_kept_and_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = get("digits", "test", tmp_path / "test")
    before = next(folder.glob("3/*")).stat().st_mtime_ns
    assert get("digits", "test", folder) == folder
    assert next(folder.glob("3/*")).stat().st_mtime_ns == before
    for image in folder.glob("7/*"):
        image.unlink()
    with pytest.raises(BadInput, match="1 without images: 7"):
        get("digits", "test", folder)
    (folder / "7").rmdir()
    (folder / "seven").mkdir()
    with pytest.raises(BadInput, match="1 missing: 7; 1 without images: seven; 1 unexpected: seven") as caught:
        get("digits", "test", folder)
    assert caught.value.where == str(folder)


# Names, and what is needed


def test_descriptions_are_consistent() -> None:
    for name, data in DATASETS.items():
        assert data.name == name
        assert len(data.mean) == len(data.std) == data.image[0]
        assert data.image[1] == data.image[2]
        if data.classes is not None:
            assert list(data.classes) == sorted(set(data.classes))
            assert len(data.classes) == data.n_classes


def test_nearest_data_set_and_subset_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unknown data set 'cifar01'") as caught:
        check("cifar01")
    assert caught.value.hint == "did you mean 'cifar10'?"
    with pytest.raises(BadInput, match="unknown subset 'trian'") as caught:
        get("digits", "trian", tmp_path / "x")
    assert caught.value.hint == "did you mean 'train'?"


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100", "tinyimagenet", "imagenette", "imagenet"])
def test_a_data_set_that_needs_a_folder_says_so(name: str) -> None:
    with pytest.raises(BadInput, match="no folder"):
        check(name)
    check("digits")


def test_planning_needs_no_torch() -> None:
    modules = "acquire, beton, datasets, folders, links, pack, packed, presets, published, splits, unpack"
    script = f"import sys; from quadrat_studies.dynvision.images import {modules}\n"
    script += "print(sorted({'torch', 'sklearn', 'PIL', 'ffcv'} & {name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Archives of class folders


def test_cifar10_from_class_folders(root: Path, raw: Path) -> None:
    classes = list(DATASETS["cifar10"].classes or ())
    tar_of(root / "cifar10.tar.xz", {**class_folders(classes), "train/cat/._0.jpg": b"", "README": b"x"}, "w:xz")
    get("cifar10", "train", raw, data_root=root)
    assert class_names(raw) == classes
    assert [name for name, _ in image_files(raw / "cat")] == ["0.jpg", "1.jpg"]
    assert list(raw.parent.iterdir()) == [raw]


def test_missing_classes_of_an_archive_are_named(root: Path, raw: Path) -> None:
    tar_of(root / "cifar10.tar.xz", class_folders(["cat", "dog", "car"]), "w:xz")
    with pytest.raises(BadInput, match=r"8 missing: airplane, automobile, .*; 1 unexpected: car"):
        get("cifar10", "train", raw, data_root=root)
    assert nothing_is_left(raw)


@pytest.mark.parametrize("name", ["../evil.jpg", "train/../../cat/evil.jpg", "/tmp/train/cat/evil.jpg", "train/cat/.."])
def test_no_member_leaves_the_folder(root: Path, raw: Path, name: str) -> None:
    tar_of(root / "cifar10.tar.xz", {**class_folders(["cat"]), name: encoded()}, "w:xz")
    with pytest.raises(BadInput, match="outside of the folder"):
        get("cifar10", "train", raw, data_root=root)
    assert nothing_is_left(raw)
    assert list(root.parent.rglob("*evil*")) == []


def test_a_link_in_an_archive_is_refused(root: Path, raw: Path) -> None:
    with tarfile.open(root / "cifar10.tar.xz", "w:xz") as tar:
        link = tarfile.TarInfo("train/cat")
        link.type, link.linkname = tarfile.SYMTYPE, str(root)
        tar.addfile(link)
    with pytest.raises(BadInput, match="no regular file"):
        get("cifar10", "train", raw, data_root=root)
    assert nothing_is_left(raw)


@pytest.mark.parametrize("kept", [0, 10, 0.3, 0.9])
def test_an_archive_that_is_cut_off_leaves_nothing(root: Path, raw: Path, kept: float) -> None:
    path = tar_of(root / "cifar10.tar.xz", class_folders(list(DATASETS["cifar10"].classes or ())), "w:xz")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    with pytest.raises(BadInput, match="damaged or cut off") as caught:
        get("cifar10", "train", raw, data_root=root)
    assert caught.value.where == str(path)
    assert nothing_is_left(raw)


def tiny_imagenet(path: Path, unlabelled: bool = False, first: str = "n00000000") -> None:
    codes = [first, *(f"n{number:08d}" for number in range(1, 200))]
    lines = [f"val_{number}.JPEG\t{code}\t0\t0\t1\t1\n" for number, code in enumerate(codes)]
    image, top = encoded(), "tiny-imagenet-200"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(f"{top}/val/val_annotations.txt", "".join(lines[unlabelled:]))
        packed.writestr(f"{top}/test/images/test_0.JPEG", image)
        for number in range(200):
            packed.writestr(f"{top}/train/n{number:08d}/images/n{number:08d}_0.JPEG", image)
            packed.writestr(f"{top}/val/images/val_{number}.JPEG", image)


def test_tiny_imagenet_takes_its_test_classes_from_the_annotations(
    root: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = acquire.ARCHIVES["tinyimagenet"]
    monkeypatch.setitem(acquire.ARCHIVES, "tinyimagenet", replace(known, md5=None))
    tiny_imagenet(root / known.file)
    get("tinyimagenet", "train", raw, data_root=root)
    test = get("tinyimagenet", "test", raw.with_name("test"), data_root=root)
    assert class_names(raw) == class_names(test)
    assert [name for name, _ in image_files(raw / "n00000007")] == ["n00000007_0.JPEG"]
    assert [name for name, _ in image_files(test / "n00000007")] == ["val_7.JPEG"]
    tiny_imagenet(root / known.file, unlabelled=True)
    with pytest.raises(BadInput, match=r"'val_0.JPEG' has no class"):
        get("tinyimagenet", "test", raw.with_name("again"), data_root=root)
    for evil in ("../../evil", "/tmp", "a/b", "."):
        tiny_imagenet(root / known.file, first=evil)
        with pytest.raises(BadInput, match=r"outside of the folder|no name of a class"):
            get("tinyimagenet", "test", raw.with_name("again"), data_root=root)


# Archives of arrays


def cifar_batches(data_name: str, count: int = 20) -> tuple[dict[str, bytes], np.ndarray]:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 3072), dtype=np.uint8)
    classes = DATASETS[data_name].n_classes
    key = b"labels" if data_name == "cifar10" else b"fine_labels"
    names = [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"] if data_name == "cifar10" else ["train", "test"]
    labels = [number % classes for number in range(count)]
    batch = pickle.dumps({b"data": pixels, key: labels}, protocol=2)
    return {f"{data_name}/{name}": batch for name in names}, pixels


def publish(monkeypatch: pytest.MonkeyPatch, data_name: str, path: Path) -> None:
    """Let the archive at `path` be the published one."""
    known = published.ARCHIVES[data_name]
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setitem(published.ARCHIVES, data_name, replace(known, md5=md5))


@pytest.mark.parametrize("data_name", ["cifar10", "cifar100"])
def test_cifar_batches_become_pictures(root: Path, raw: Path, monkeypatch: pytest.MonkeyPatch, data_name: str) -> None:
    members, pixels = cifar_batches(data_name, 100)
    publish(monkeypatch, data_name, tar_of(root / published.ARCHIVES[data_name].file, members))
    get(data_name, "train", raw, data_root=root)
    classes = dataset(data_name).classes or ()
    assert describe(raw).images == (500 if data_name == "cifar10" else 100)
    found = read_pixels(raw / classes[7] / "00007.png")
    assert np.array_equal(found, pixels[7].reshape(3, 32, 32).transpose(1, 2, 0))


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1]), pickle.dumps({b"data": 3}), "evil"])
def test_a_batch_that_is_none_runs_nothing(
    root: Path, raw: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | str
) -> None:
    evil = root / "made by the pickle"
    batch = content if isinstance(content, bytes) else pickle.dumps(Evil(evil))
    path = tar_of(root / published.ARCHIVES["cifar100"].file, {"train": batch, "test": batch})
    publish(monkeypatch, "cifar100", path)
    with pytest.raises(BadInput) as caught:
        get("cifar100", "train", raw, data_root=root)
    assert caught.value.where == str(path)
    assert not evil.exists()
    assert nothing_is_left(raw)


def test_another_file_under_a_published_name_is_refused(root: Path, raw: Path) -> None:
    members, _ = cifar_batches("cifar100")
    tar_of(root / published.ARCHIVES["cifar100"].file, members)
    with pytest.raises(BadInput, match="not the published file"):
        get("cifar100", "train", raw, data_root=root)


IDX = struct.pack(">4I", 0x803, 2, 2, 3) + bytes(range(12))


def test_idx_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "some.gz"
    path.write_bytes(gzip.compress(IDX))
    assert np.array_equal(published.read_idx(path, axes=3), np.arange(12).reshape(2, 2, 3))


@pytest.mark.parametrize(
    ("content", "axes", "message"),
    [
        pytest.param(gzip.compress(IDX[:-1]), 3, "11 bytes of data, the header says 12", id="cut"),
        pytest.param(gzip.compress(IDX + b"!"), 3, "13 bytes", id="long"),
        pytest.param(gzip.compress(IDX), 1, "not an IDX file of bytes with 1 axes", id="axes"),
        pytest.param(gzip.compress(IDX[:9]), 3, "not an IDX file", id="header"),
        pytest.param(gzip.compress(IDX)[:-9], 3, "damaged gzip", id="gzip"),
        pytest.param(b"", 3, "damaged gzip|not an IDX", id="empty"),
    ],
)
def test_a_bad_idx_file_is_named(tmp_path: Path, content: bytes, axes: int, message: str) -> None:
    path = tmp_path / "some.gz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message) as caught:
        published.read_idx(path, axes=axes)
    assert caught.value.where == str(path)


def test_mnist_from_its_files(mnist_root: Path, raw: Path) -> None:
    folder = get("mnist", "test", raw)  # QUADRAT_DATA is set
    assert describe(folder).images == 10_000
    images = published.read_idx(mnist_root / "mnist" / "t10k-images-idx3-ubyte.gz", axes=3)
    assert np.array_equal(read_pixels(folder / "7" / "00000.png"), images[0])


def test_another_file_under_the_name_of_mnist_is_refused(root: Path, raw: Path) -> None:
    (root / "mnist").mkdir()
    (root / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(IDX))
    with pytest.raises(BadInput, match="not the published file of this name"):
        get("mnist", "train", raw, data_root=root)
    assert nothing_is_left(raw)


# The network


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder, and the address of a server on this machine that gives it out; `cut.*` ends early."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)

        def log_message(self, *args: Any) -> None:
            pass

        def send_header(self, keyword: str, value: str) -> None:
            longer = keyword == "Content-Length" and "/cut." in self.path
            super().send_header(keyword, str(int(value) + 7) if longer else value)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def imagenette(site: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Publish a small Imagenette: at these paths of the site, where the last one has it."""
    folder, address = site
    known = acquire.ARCHIVES["imagenette"]
    members = class_folders(list(DATASETS["imagenette"].renamed), "imagenette2-320/", ("train", "val"))

    def publish_at(*paths: str, md5: str | None = None) -> Path:
        path = tar_of(folder / paths[-1], members)
        right = hashlib.md5(path.read_bytes()).hexdigest()
        urls = tuple(f"{address}/{one}" for one in paths)
        monkeypatch.setitem(acquire.ARCHIVES, "imagenette", Archive(known.file, urls, md5 or right))
        return path

    return publish_at


def test_a_download_goes_on_to_the_address_that_has_the_file(
    imagenette: Callable[..., Path], site: tuple[Path, str], root: Path, raw: Path
) -> None:
    (site[0] / "cut.tgz").write_bytes(b"12345")
    (site[0] / "other.tgz").write_bytes(b"12345")
    imagenette("missing.tgz", "cut.tgz", "other.tgz", "right.tgz")
    get("imagenette", "train", raw, data_root=root)
    assert class_names(raw) == list(DATASETS["imagenette"].classes or ())
    assert [path.name for path in root.iterdir()] == ["imagenette2-320.tgz"]
    (site[0] / "right.tgz").unlink()
    test = get("imagenette", "test", raw.with_name("test"), data_root=root)
    assert describe(test).images == 20


def test_a_download_that_fails_says_why_and_what_to_do(
    imagenette: Callable[..., Path], site: tuple[Path, str], root: Path, raw: Path
) -> None:
    (site[0] / "cut.tgz").write_bytes(b"12345")
    imagenette("missing.tgz", "cut.tgz", "right.tgz", md5="0" * 32)
    with pytest.raises(BadInput) as caught:
        get("imagenette", "train", raw, data_root=root)
    for reason in ("404", "ended after 5 of 12 bytes", "another content than published"):
        assert reason in caught.value.message
    assert "put imagenette2-320.tgz there" in str(caught.value.hint)
    assert caught.value.where == str(root)
    assert list(root.iterdir()) == []
    assert nothing_is_left(raw)


def test_no_network(root: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    closed = Archive("cifar-100-python.tar.gz", ("http://127.0.0.1:1/cifar-100-python.tar.gz",))
    monkeypatch.setitem(published.ARCHIVES, "cifar100", closed)
    with pytest.raises(BadInput, match=r"there is no file 'cifar-100-python\.tar\.gz', and it cannot be downloaded"):
        get("cifar100", "train", raw, data_root=root)


# Mounted folders


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(DATASETS, "imagenet", replace(DATASETS["imagenet"], n_classes=3))
    folder = tmp_path / "mnt" / "imagenet"
    for name, content in class_folders(["n01", "n02", "n03"], subsets=("train", "val")).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "test" / "unlabelled").mkdir(parents=True)
    return folder


def test_imagenet_is_linked_to_where_it_is_mounted(mounted: Path, raw: Path) -> None:
    get("imagenet", "train", raw, data_root=mounted.parent)
    test = get("imagenet", "test", raw.with_name("test"), mounted={"imagenet": mounted})
    assert (raw / "n02").readlink() == mounted / "train" / "n02"
    assert (test / "n02").readlink() == mounted / "val" / "n02"
    assert describe(test).images == 6


def test_a_mounted_folder_that_is_not_there_or_not_whole(mounted: Path, raw: Path) -> None:
    with pytest.raises(BadInput, match="no folder of imagenet, which is not downloaded"):
        check("imagenet", mounted={"imagenet": mounted / "nowhere"})
    (mounted / "train" / "n02").rename(mounted / "n02")
    with pytest.raises(BadInput, match="not the 3 classes of imagenet; 2 are there"):
        get("imagenet", "train", raw, mounted={"imagenet": mounted})
    (mounted / "train").rename(mounted / "training")
    with pytest.raises(BadInput, match="no folder 'train' in it"):
        check("imagenet", mounted={"imagenet": mounted})


def test_codes_of_mounted_classes_are_translated(tmp_path: Path, raw: Path) -> None:
    for name, content in class_folders(list(DATASETS["imagenette"].renamed)).items():
        path = tmp_path / "mnt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    get("imagenette", "train", raw, mounted={"imagenette": tmp_path / "mnt"})
    assert (raw / "tench").readlink().name == "n01440764"
