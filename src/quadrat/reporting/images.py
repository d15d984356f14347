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
_LARGEST_VECTOR = 1_000_000
"""Bytes of an SVG."""


def is_image(path: str | Path) -> bool:
    """Whether a file is an image, by its name."""
    return Path(path).suffix.lower() in (*KINDS, *VECTORS)


def small(file: Path) -> str | None:
    """A copy of at most 480 pixels in width, as a data address; None for what cannot be opened."""
    opened = _opened(file, SMALL)
    return None if opened is None else _address("webp", _webp(opened, quality=82))


def figure(file: Path) -> str | None:
    """An image as a data address: at most 1600 pixels in width, an SVG as it is; None for what cannot be opened."""
    if file.suffix.lower() in VECTORS:
        return _vector(file)
    opened = _opened(file, WIDE)
    if opened is None:
        return None
    exact = _webp(opened, lossless=True, quality=50)
    return _address("webp", exact if len(exact) <= _LOSSLESS else min(exact, _webp(opened, quality=90), key=len))


def _vector(file: Path) -> str | None:
    try:
        if file.stat().st_size > _LARGEST_VECTOR:
            return None
        content = file.read_bytes()
    except OSError:
        return None
    return _address("svg+xml", content) if b"<svg" in content else None


def _opened(file: Path, width: int) -> Image | None:
    """An image, no wider than so many pixels."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return None
    try:
        with Image.open(file) as opened:
            if opened.width * opened.height > _LARGEST:
                return None
            found = opened.convert("RGBA" if opened.mode in ("P", "LA", "RGBA") else "RGB")
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if found.width > width:
        found = found.resize((width, max(1, round(found.height * width / found.width))), Image.Resampling.LANCZOS)
    return found


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

    wide: int = 5_000_000
    least: int = 2_500_000

    def take(self, file: Path) -> str | None:
        """An image as a data address, as good as there is room; None where it cannot be opened or there is no room."""
        if self.wide > 0:
            address = figure(file)
            if address is None or len(address) <= self.wide:
                self.wide -= len(address or "")
                return address
        if self.least <= 0 or file.suffix.lower() in VECTORS:
            return None
        address = small(file)
        self.least -= len(address or "")
        return address
