"""What a plan needs to know of a store: which runs are finished, of which attempt and code, and which failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from quadrat.core.identity import ID_BYTES


def split_ids(ids: Sequence[bytes]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Ids as two columns of 64 bits."""
    pairs = np.frombuffer(b"".join(ids), dtype=">u8").reshape(-1, ID_BYTES // 8).astype(np.uint64)
    return pairs[:, 0], pairs[:, 1]


@dataclass
class Finished:
    """The finished runs of a store as columns; one row for each id, its newest attempt.

    Attributes:
        high, low: the two halves of the ids, sorted by `high`.
        attempt: 1, 2, …
        digest: the first 64 bits of the result's digest.
        code: place in `codes` of the fingerprint of the code that made it.
        inputs: 64 bits that stand for the results that it read; only there where some run was made again.
        seconds: how long it took.
        row: where the run stands in the store's index.
        accepted: for each task the fingerprints that were declared to be as good as the present one.
    """

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    attempt: NDArray[np.int32]
    digest: NDArray[np.uint64]
    code: NDArray[np.int32]
    seconds: NDArray[np.float32]
    row: NDArray[np.int64]
    codes: list[str] = field(default_factory=list)
    failed: frozenset[bytes] = frozenset()
    accepted: dict[str, set[str]] = field(default_factory=dict)
    inputs: NDArray[np.uint64] | None = None

    @classmethod
    def empty(cls) -> Finished:
        """A store with nothing in it."""
        wide = np.zeros(0, np.uint64)
        narrow = np.zeros(0, np.int32)
        return cls(wide, wide, narrow, wide, narrow, np.zeros(0, np.float32), np.zeros(0, np.int64))

    def find(self, ids: Sequence[bytes]) -> NDArray[np.int64]:
        """For each id its row here, or -1."""
        found = np.full(len(ids), -1, np.int64)
        if not len(self.high) or not ids:
            return found
        high, low = split_ids(ids)
        place = np.searchsorted(self.high, high)
        place[place == len(self.high)] = 0
        hit = (self.high[place] == high) & (self.low[place] == low)
        found[hit] = place[hit]
        for lost in np.flatnonzero((self.high[place] == high) & ~hit):  # ids that agree in their first half only
            end = int(np.searchsorted(self.high, high[lost], side="right"))
            same = [one for one in range(int(place[lost]), end) if self.low[one] == low[lost]]
            found[lost] = same[0] if same else -1
        return found

    def fresh(self, task: str, code: str) -> NDArray[np.bool_]:
        """For each fingerprint in `codes` whether it is as good as `code`, the present one of a task."""
        good = {code, ""} | self.accepted.get(f"{task}:{code}", set())
        return np.array([not code or one in good for one in self.codes], dtype=bool)
