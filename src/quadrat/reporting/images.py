"""Images as parts of a page: figures that are read, and small copies to look through."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

KINDS = (".png", ".jpg", ".jpeg", ".webp")
VECTORS = (".svg",)
SMALL = 480
"""Pixels: the width of a copy in a gallery."""
WIDE = 1600
"""Pixels: the width of a figure, at most."""
_LARGEST = 40_000_000
"""Pixels: what is larger is not opened."""
_LOSSLESS = 150_000
"""Bytes: a figure that is larger without loss is kept with a little."""
_SCREEN = 96.5
"""Dots for an inch: what tells no more has no size on paper."""
_INCH = 128
"""Pixels of a page for an inch of a figure."""
_NARROW = 640
"""Pixels of a page."""
_LARGEST_VECTOR = 1_000_000
"""Bytes of an SVG."""


def is_image(path: str | Path) -> bool:
    """Whether a file is an image, by its name."""
    return Path(path).suffix.lower() in (*KINDS, *VECTORS)


@dataclass(frozen=True)
class Embedded:
    """An image as a data address, and how wide it is shown, in pixels of a page; None where that does not matter."""

    address: str
    width: int | None = None

    @property
    def broad(self) -> bool:
        """Whether it cannot be read on a narrow screen as a whole."""
        return (self.width or 0) > _NARROW


def small(file: Path) -> str | None:
    """A copy of at most 480 pixels in width, as a data address; None for what cannot be opened."""
    opened = _opened(file, SMALL)
    return None if opened is None else _address("webp", _webp(opened[0], quality=82))


def figure(file: Path) -> Embedded | None:
    """An image at most 1600 pixels wide, an SVG as it is; None for what cannot be opened.

    One that tells its resolution is shown in its size on paper, made larger by a third, so that letters in figures of
    all sizes are as large as those of the page.
    """
    if file.suffix.lower() in VECTORS:
        return _vector(file)
    opened = _opened(file, WIDE)
    if opened is None:
        return None
    image, inches = opened
    exact = _webp(image, lossless=True, quality=20, method=1)  # twice as fast as usual, 8 % larger
    content = exact if len(exact) <= _LOSSLESS else min(exact, _webp(image, quality=90), key=len)
    return Embedded(_address("webp", content), round(inches * _INCH) if inches else None)


def _vector(file: Path) -> Embedded | None:
    try:
        if file.stat().st_size > _LARGEST_VECTOR:
            return None
        content = file.read_bytes()
    except OSError:
        return None
    return Embedded(_address("svg+xml", content)) if b"<svg" in content else None


def _opened(file: Path, width: int) -> tuple[Image, float] | None:
    """An image, no wider than so many pixels; and how wide it is in inches, 0 where it does not tell."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return None
    try:
        with Image.open(file) as opened:
            if opened.width * opened.height > _LARGEST:
                return None
            resolution = float((opened.info.get("dpi") or (0,))[0])
            found = opened.convert("RGBA" if opened.mode in ("P", "LA", "RGBA") else "RGB")
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    inches = found.width / resolution if resolution > _SCREEN else 0.0
    if found.width > width:
        found = found.resize((width, max(1, round(found.height * width / found.width))), Image.Resampling.LANCZOS)
    return found, inches


def _webp(image: Image, **how: Any) -> bytes:
    kept = io.BytesIO()
    image.save(kept, "WEBP", **how)
    return kept.getvalue()


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


@dataclass
class Room:
    """How much images may still add to a page, so that it can be mailed.

    Attributes:
        wide: bytes for figures in full; after that they are small copies.
        least: bytes for small copies; after that only their paths are told.
    """

    wide: int = 4_500_000
    least: int = 2_000_000

    def take(self, file: Path) -> Embedded | None:
        """An image, as good as there is room; None where it cannot be opened or there is no room."""
        if self.wide > 0:
            found = figure(file)
            if found is None or len(found.address) <= self.wide:
                self.wide -= len(found.address) if found else 0
                return found
        if self.least <= 0 or file.suffix.lower() in VECTORS:
            return None
        address = small(file)
        self.least -= len(address or "")
        return Embedded(address) if address else None
