"""The cortical plane: channels side by side, so that a convolution of the plane mixes neighbouring features."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def side_of(channels: int) -> int:
    """Side s of the tile of s × s channels that stands for one pixel; s² = channels."""
    side = math.isqrt(channels)
    if side * side != channels:
        raise ValueError(f"{channels} channels make no square")
    return side


def plane_kernel(channels: int) -> int:
    """Side of the kernel on the plane: a quarter of a tile, odd, and 3 or more."""
    quarter = side_of(channels) // 4
    return max(3, quarter + 1 - quarter % 2)


def to_plane(maps: Tensor) -> Tensor:
    """(N, s², H, W) to (N, 1, s·H, s·W).

    Each pixel becomes a tile with channel c at (c // s, c % s). Tiles are mirrored left to right in odd columns and
    top to bottom in odd rows, so that the same feature lies on both sides of an edge.
    """
    count, channels, height, width = maps.shape
    side = side_of(channels)
    tiles = _mirrored(maps.reshape(count, side, side, height, width))
    return tiles.permute(0, 3, 1, 4, 2).reshape(count, 1, side * height, side * width)


def from_plane(plane: Tensor, channels: int) -> Tensor:
    """The inverse of `to_plane`."""
    side = side_of(channels)
    count, _, height, width = plane.shape
    tiles = plane.reshape(count, height // side, side, width // side, side).permute(0, 2, 4, 1, 3)
    return _mirrored(tiles).reshape(count, channels, height // side, width // side)


def _mirrored(tiles: Tensor) -> Tensor:
    """(N, s, s, H, W) with the tiles of odd rows and of odd columns mirrored; its own inverse."""
    rows = torch.arange(tiles.shape[3], device=tiles.device) % 2 == 1
    columns = torch.arange(tiles.shape[4], device=tiles.device) % 2 == 1
    tiles = torch.where(rows[:, None], tiles.flip(1), tiles)
    return torch.where(columns, tiles.flip(2), tiles)
