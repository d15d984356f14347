"""Images in a report: as large as they are read, and no more of them than can be mailed."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quadrat.reporting import images


def noise(file: Path, width: int, dpi: int | None = None) -> Path:
    """An image that nothing makes small."""
    pixels = np.random.default_rng(0).integers(0, 256, (width // 2, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, **({"dpi": (dpi, dpi)} if dpi else {}))
    return file


def opened(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


def test_a_small_figure_is_kept_without_loss(tmp_path: Path) -> None:
    file = noise(tmp_path / "a.png", 100)
    found = images.figure(file)
    assert found is not None
    assert np.array_equal(np.asarray(opened(found.address)), np.asarray(Image.open(file)))
    assert found.width is None


@pytest.mark.parametrize(("width", "dpi", "shown"), [(700, 200, 448), (1400, 200, 896), (700, 72, None)])
def test_figures_are_shown_in_their_size_on_paper(tmp_path: Path, width: int, dpi: int, shown: int | None) -> None:
    found = images.figure(noise(tmp_path / "a.png", width, dpi))
    assert found is not None
    assert found.width == shown
    assert opened(found.address).width == width


def test_there_is_room_for_so_many(tmp_path: Path) -> None:
    """First in full, then small, then none: whatever the number of images, the report can be mailed."""
    file = noise(tmp_path / "a.png", 960)
    one, small = len(images.Room().take(file).address), len(images.small(file) or "")  # type: ignore[union-attr]
    room = images.Room(wide=2 * one, least=2 * small + 1)
    found = [room.take(file) for _ in range(9)]
    assert [one.address and opened(one.address).width for one in found if one] == [960, 960, 480, 480, 480]
    room = images.Room()
    assert room.wide + room.least <= 6_500_000


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_none(tmp_path: Path, content: bytes) -> None:
    for name in ("a.png", "a.svg", "a.jpg"):
        (tmp_path / name).write_bytes(content)
        assert images.figure(tmp_path / name) is None
    assert images.figure(tmp_path / "missing.png") is None
    assert images.figure(tmp_path / "missing.svg") is None
