"""What training may change in an image, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .datasets import Dataset, unknown


@dataclass(frozen=True)
class Augmentation:
    """Ranges of random changes; zeros change nothing. Each image has draws of its own.

    Attributes:
        flip: probability of being mirrored left to right.
        shift: greatest translation along each axis, as a fraction of the side; what moves in is black. Whole pixels,
            as in a random crop of the padded image, unless there is rotation too.
        rotate: greatest rotation to either side, in degrees, about the centre, bilinear.
        brightness, contrast, saturation: factors are drawn from 1 ± this.
    """

    flip: float = 0.0
    shift: float = 0.0
    rotate: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    @property
    def moves(self) -> bool:
        """Whether pixels change their places."""
        return bool(self.flip or self.shift or self.rotate)

    @property
    def colours(self) -> bool:
        """Whether pixels change their values."""
        return bool(self.brightness or self.contrast or self.saturation)


_JITTER = Augmentation(flip=0.5, shift=0.1, brightness=0.2, contrast=0.2, saturation=0.2)

# Named after the two loaders that they come from; both are computed here.
PRESETS: dict[str, Augmentation] = {"none": Augmentation(), "torch": replace(_JITTER, rotate=10.0), "ffcv": _JITTER}


def preset(name: str, data: Dataset) -> Augmentation:
    """The augmentation 'none', 'torch' or 'ffcv' for a data set: no flips where a mirror image is of no class.

    Raises:
        BadInput: unknown name.
    """
    if name not in PRESETS:
        raise unknown("augmentation", name, PRESETS, where="augment")
    return PRESETS[name] if data.mirrors else replace(PRESETS[name], flip=0.0)
