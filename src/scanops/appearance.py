"""What a picture looks like, in few numbers that no training has shaped."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
# Pixels are left out as long as this many remain on a side: more would cost time and tell little.
SIDE_PX = 64
CELLS = 8
LEVELS = np.array((8, 24, 48, 80, 112, 144, 176, 208, 240), np.float32)


def describe(pixels: Pixels) -> Floats:
    """Describe pictures: how bright and how rough each part is, which greys there are, how much colour.

    Args:
        pixels: uint8 [N, S, S, 3], S at least 8.

    Returns:
        float32 [N, 138]: the root of the mean grey of 8 × 8 parts over 255 (what lies in the dark counts),
        log1p of their mean step from pixel to pixel, the share of pixels below each of nine greys, and
        log1p of the mean distance between the largest and the least channel.
    """
    stride = max(1, pixels.shape[1] // SIDE_PX)
    # A plane a channel: reducing over an axis of three is many times slower.
    red, green, blue = (np.ascontiguousarray(pixels[:, ::stride, ::stride, k]) for k in range(3))
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    colour = np.log1p(spread.mean((1, 2), dtype=np.float32))
    grey = (red.astype(np.float32) + green + blue) / np.float32(3)
    step = np.abs(np.diff(grey, axis=1, append=grey[:, -1:])) + np.abs(
        np.diff(grey, axis=2, append=grey[:, :, -1:])
    )
    count = len(pixels)
    return np.concatenate(
        [
            np.sqrt(_reduce(grey, CELLS).reshape(count, -1) / np.float32(255)),
            np.log1p(_reduce(step, CELLS)).reshape(count, -1),
            _shares_below(grey),
            colour[:, None],
        ],
        axis=1,
    )


def _shares_below(grey: Floats) -> Floats:
    """Give the share of pixels below each level, float32 [N, LEVELS]: sorted once, not compared with each."""
    flat = np.sort(grey.reshape(len(grey), -1), axis=1)
    counts = np.stack([np.searchsorted(row, LEVELS, side="left") for row in flat])
    return np.asarray(counts / np.float32(flat.shape[1]), np.float32)


def _reduce(planes: Floats, side: int) -> Floats:
    """Average parts of planes [N, S, S] to [N, side, side]; parts of unequal size where S is no multiple."""
    edges = np.linspace(0, planes.shape[1], side + 1).round().astype(int)
    sizes = np.diff(edges).astype(np.float32)
    rows = np.add.reduceat(planes, edges[:-1], axis=1)
    summed = np.add.reduceat(rows, edges[:-1], axis=2)
    return np.asarray(summed / (sizes[:, None] * sizes), np.float32)
