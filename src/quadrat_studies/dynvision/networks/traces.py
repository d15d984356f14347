"""What has been, as long as something still looks back at it: the activity of a layer over time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Trace:
    """Activities at consecutive steps, in chunks (L, B, C, H, W).

    Attributes:
        first: the step of the first one, or None while there is none.
        stop: the step after the last one.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self.stop = 0
        self._chunks: list[tuple[int, Tensor]] = []

    def __len__(self) -> int:
        """How many steps there have been."""
        return 0 if self.first is None else self.stop - self.first

    def has(self, step: int) -> bool:
        """Whether there was an activity at a step (or would be, of one that is still to come)."""
        return self.first is not None and step >= self.first

    def append(self, start: int, chunk: Tensor) -> None:
        """Add the steps from `start` on, which follow what is there."""
        if self.first is None:
            self.first = start
        self._chunks.append((start, chunk))
        self.stop = start + len(chunk)

    def read(self, start: int, stop: int) -> Tensor:
        """The steps start … stop − 1, without a copy where they are one chunk.

        Raises:
            IndexError: for a step that is not there, or has been let go of.
        """
        parts: list[Tensor] = []
        for begin, chunk in self._chunks:
            low, high = max(start, begin) - begin, min(stop, begin + len(chunk)) - begin
            if low < high:
                # Gradients of a slice are as large as all that it is cut from.
                parts.append(chunk if high - low == len(chunk) else chunk[low:high])
        if sum(map(len, parts)) != stop - start:
            raise IndexError(f"steps {start} to {stop - 1} are not all remembered")
        return joined(parts)

    def last(self) -> Tensor | None:
        """The latest step, (B, C, H, W)."""
        if not self._chunks:
            return None
        chunk = self._chunks[-1][1]
        return chunk.squeeze(0) if len(chunk) == 1 else chunk[-1]

    def forget(self, before: int) -> None:
        """Let go of what was before a step."""
        self._chunks = [(begin, chunk) for begin, chunk in self._chunks if begin + len(chunk) > before]

    def detach(self) -> None:
        """Cut what has been off from gradients."""
        self._chunks = [(begin, chunk.detach()) for begin, chunk in self._chunks]

    def widen(self, images: int) -> None:
        """Give every image the one history that there is, (L, 1, C, H, W)."""
        self._chunks = [(begin, chunk.expand(-1, images, -1, -1, -1)) for begin, chunk in self._chunks]


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Chunks (L, B, C, H, W) one after the other, in the memory format that they have as (L·B, C, H, W)."""
    if len(parts) == 1:
        return parts[0]
    whole: Tensor = torch.cat([part.flatten(0, 1) for part in parts]).unflatten(0, (-1, parts[0].shape[1]))
    return whole
