"""Folders of links, what their `.ready` files say, and data groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from quadrat import BadInput
from quadrat_studies.dynvision.images.folders import class_names, describe, read_ready, ready_path
from quadrat_studies.dynvision.images.links import group_classes, link_group, link_subset

CLASSES = ["bird", "cat", "dog"]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Three classes with 1, 2 and 3 images; nobody decodes them."""
    folder = tmp_path / "store" / "raw" / "train"
    fill(folder)
    return folder


def fill(folder: Path) -> None:
    for count, name in enumerate(CLASSES, 1):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            (folder / name / f"{number}.png").write_bytes(b"x" * (number + 1))
        (folder / name / "notes.txt").write_text("no image")


def test_a_subset_is_linked_and_described(raw: Path) -> None:
    into = raw.parents[1] / "interim" / "train_all"
    ready = link_subset(raw, into)
    assert ready.classes == {"bird": 1, "cat": 2, "dog": 3}
    assert ready.images == 6
    assert read_ready(ready_path(into)) == ready
    assert ready_path(into).name == "train_all.ready"
    assert [(into / name).is_symlink() for name in CLASSES] == [True] * 3
    assert describe(raw) == ready


def test_a_store_can_be_moved_whole(raw: Path, tmp_path: Path) -> None:
    interim = raw.parents[1] / "interim"
    link_subset(raw, interim / "train_all")
    before = link_group(interim / "train_all", interim / "train_pets", ["dog", "cat"])
    (tmp_path / "store").rename(tmp_path / "moved")
    assert describe(tmp_path / "moved" / "interim" / "train_pets") == before
    assert list(before.classes) == ["cat", "dog"]


def test_links_hold_through_a_view_of_the_folder(raw: Path, tmp_path: Path) -> None:
    deep = raw.parents[1] / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (tmp_path / "view").symlink_to(deep)
    (tmp_path / "raw view").symlink_to(raw)
    assert link_subset(tmp_path / "raw view", tmp_path / "view" / "train_all").images == 6
    assert (deep / "train_all" / "cat" / "1.png").read_bytes() == b"xx"


def test_hostile_names(raw: Path, hostile_path: Path) -> None:
    assert link_subset(raw, hostile_path / "train_all").images == 6


def test_the_checksum_knows_the_content(raw: Path, tmp_path: Path) -> None:
    first = describe(raw)
    fill(tmp_path / "copy")
    assert describe(tmp_path / "copy") == first
    (raw / "cat" / "0.png").rename(raw / "cat" / "9.png")
    renamed = describe(raw)
    (raw / "cat" / "9.png").write_bytes(b"another size")
    assert len({one.sha256 for one in (first, renamed, describe(raw))}) == 3
    assert first.classes == renamed.classes


def test_linking_again_replaces_links_and_nothing_else(raw: Path, tmp_path: Path) -> None:
    into = tmp_path / "group"
    link_group(raw, into, CLASSES)
    link_group(raw, into, ["dog"])
    assert class_names(into) == ["dog"]
    (into / "mine").mkdir()
    with pytest.raises(BadInput, match="'mine' is no link"):
        link_group(raw, into, ["dog"])
    assert (into / "dog").is_symlink()


def test_a_group_of_unknown_or_no_classes(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unknown class 'dgo'") as caught:
        link_group(raw, tmp_path / "group", ["cat", "dgo"])
    assert caught.value.hint == "did you mean 'dog'?"
    with pytest.raises(BadInput, match="no class"):
        link_group(raw, tmp_path / "group", [])
    assert not ready_path(tmp_path / "group").exists()


def test_a_folder_without_classes_or_images(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no folder of classes"):
        link_subset(tmp_path / "nowhere", tmp_path / "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no class"):
        link_subset(tmp_path / "empty", tmp_path / "x")
    (tmp_path / "empty" / "cat").mkdir()
    with pytest.raises(BadInput, match="no image of cat"):
        link_subset(tmp_path / "empty", tmp_path / "x")
    assert not ready_path(tmp_path / "x").exists()


def test_a_link_that_leads_nowhere_is_no_silent_loss(raw: Path, tmp_path: Path) -> None:
    link_subset(raw, tmp_path / "all")
    (raw / "dog").rename(raw.parent / "dog")
    with pytest.raises(BadInput, match="the link 'dog' leads nowhere"):
        describe(tmp_path / "all")
    (raw / "cat" / "5.png").symlink_to(raw / "nothing")
    with pytest.raises(BadInput, match="not to be reached"):
        describe(raw)


@pytest.mark.parametrize("content", [None, "", "{}", "[1]", '{"classes": 3, "images": 1, "sha256": "0"}'])
def test_a_ready_file_that_is_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "x.ready"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadInput) as caught:
        read_ready(path)
    assert caught.value.where == str(path)


GROUPS = {"mnist": {"38": [8, 3, 3], "empty": [], "far": ["10"]}, "cifar10": {"pets": ["dog", "cat"]}}
DIGITS = [str(number) for number in range(10)]


def test_groups_are_found_by_name() -> None:
    assert group_classes(GROUPS, "mnist", "38", DIGITS) == ("3", "8")
    assert group_classes(GROUPS, "cifar10", "pets", CLASSES) == ("cat", "dog")
    assert group_classes(GROUPS, "digits", "all", DIGITS) == tuple(DIGITS)


@pytest.mark.parametrize(
    ("data_name", "group", "message", "hint"),
    [
        ("cifar10", "pet", "unknown data group 'pet'", "did you mean 'pets'?"),
        ("digits", "38", "unknown data group '38'", "known: all"),
        ("mnist", "empty", "a group without classes", "list some, or use 'all'"),
        ("mnist", "far", "unknown class '10'", "did you mean '1'?"),
    ],
)
def test_what_is_wrong_with_a_group(data_name: str, group: str, message: str, hint: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        group_classes(GROUPS, data_name, group, CLASSES if data_name == "cifar10" else DIGITS)
    assert caught.value.hint == hint
    assert str(caught.value.where).startswith(f"data_groups.{data_name}")
