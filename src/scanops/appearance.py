"""What a picture looks like, in few numbers that no training has shaped."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
# Pixels are left out as long as this many remain on a side: more would cost time and tell little.
SIDE_PX = 64
CELLS = 8
LEVELS = np.array((8, 24, 48, 80, 112, 144, 176, 208, 240))


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
    planes = np.ascontiguousarray(np.moveaxis(pixels[:, ::stride, ::stride], 3, 0))
    summed = planes.sum(axis=0, dtype=np.uint16)
    spread = planes.max(axis=0) - planes.min(axis=0)
    grey = summed / np.float32(3)
    step = np.zeros_like(grey)
    step[:, :-1] = np.abs(grey[:, 1:] - grey[:, :-1])
    step[:, :, :-1] += np.abs(grey[:, :, 1:] - grey[:, :, :-1])
    count = len(pixels)
    cells = _reduce(np.concatenate([grey, step]), CELLS).reshape(2, count, -1)
    return np.concatenate(
        [
            np.sqrt(cells[0] / np.float32(255)),
            np.log1p(cells[1]),
            _shares_below(summed),
            np.log1p(spread.mean((1, 2), dtype=np.float32))[:, None],
        ],
        axis=1,
    )


def _shares_below(summed: npt.NDArray[np.uint16]) -> Floats:
    """Give the share of pixels below each level, float32 [N, LEVELS], from the sums of their channels."""
    counts = np.stack([np.bincount(plane.ravel(), minlength=3 * 255 + 1).cumsum() for plane in summed])
    return np.asarray(counts[:, 3 * LEVELS - 1] / np.float32(summed[0].size), np.float32)


def _reduce(planes: Floats, side: int) -> Floats:
    """Average parts of planes [N, S, S] to [N, side, side]; parts of unequal size where S is no multiple."""
    edges, sizes = _parts(planes.shape[1], side)
    rows = np.add.reduceat(planes, edges, axis=1)
    return np.asarray(np.add.reduceat(rows, edges, axis=2) / sizes, np.float32)


@cache
def _parts(length: int, side: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Give where parts begin along an axis, and how many pixels each part of a plane has."""
    edges = np.linspace(0, length, side + 1).round().astype(np.int64)
    sizes = np.diff(edges).astype(np.float32)
    return edges[:-1], sizes[:, None] * sizes
