"""How alike two pictures are: the correlation of their aligned, contrast-flattened thumbnails.

A plain correlation of head scans sees skulls, which are all alike. What tells two slices of one patient
apart is fine structure, so a thumbnail is band-passed (difference of Gaussians: Marr & Hildreth, 1980),
and its strong edges are flattened by a signed square root. Neighbouring slices of the public sets then
correlate up to about 0.95, and copies that were resized, re-encoded, cropped or padded from 0.97.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanops.data.thumbnails import SIDE_PX

GRID = 24  # cells a side after the band-pass
FINE_PX, COARSE_PX = 0.7, 3.0  # standard deviations of the two Gaussians
CROPS = (0.025, 0.05)  # shares of each side that a cropped copy may have lost
SHAPES = 2 * SIDE_PX  # shapes are told apart to half a cell of a thumbnail
FLAT = 1e-3  # norm of a thumbnail without structure; it resembles nothing

Views = npt.NDArray[np.uint8]
Vectors = npt.NDArray[np.float32]
Matrices = npt.NDArray[np.float32]


def index(views: Views) -> list[Vectors]:
    """Describe pictures as they are: what a query is compared with.

    Args:
        views: uint8 [N, 2, SIDE_PX, SIDE_PX], see `thumbnails`.

    Returns:
        Two arrays of N unit vectors, float32 [N, GRID²]: of the frame, and of its content.
    """
    return [_describe(views[:, 0]), _describe(views[:, 1])]


@dataclass(frozen=True)
class Query:
    """What one kind of copy of some pictures would look like.

    Attributes:
        rows: int [M], which pictures.
        vectors: float32 [M, GRID²], unit vectors.
        mirrored: The copy is flipped left to right.
    """

    rows: npt.NDArray[np.int64]
    vectors: Vectors
    mirrored: bool = False


def queries(views: Views, sizes: npt.NDArray[np.int64], described: npt.NDArray[np.float32]) -> list[Query]:
    """Describe what copies of pictures would look like: the same, mirrored, cropped, padded to a square.

    Args:
        views: uint8 [N, 2, SIDE_PX, SIDE_PX].
        sizes: int [N, 2], width and height of the pictures in pixels.
        described: float32 [N, 2, GRID²], what `index` says of them.

    Returns:
        A query for each kind of copy; those that would look like the picture itself are left out.
    """
    frame, everything = views[:, 0], np.arange(len(views))
    same = [np.ascontiguousarray(described[:, view]) for view in range(described.shape[1])]
    cropped = [_describe(frame, crop, crop) for crop in map(_cropping, CROPS)]
    return [
        *(Query(everything, vectors) for vectors in (*same, *cropped)),
        *(Query(everything, mirror(vectors), mirrored=True) for vectors in same),
        *_padded(frame, sizes),
    ]


def mirror(vectors: Vectors) -> Vectors:
    """Describe the same pictures flipped left to right.

    Args:
        vectors: float32 [N, GRID²].

    Returns:
        The same shape.
    """
    return np.ascontiguousarray(vectors.reshape(-1, GRID, GRID)[:, :, ::-1]).reshape(len(vectors), -1)


def _describe(
    thumbs: npt.NDArray[np.uint8], rows: Matrices | None = None, columns: Matrices | None = None
) -> Vectors:
    """Band-pass, flatten and normalise; `rows` and `columns` resample the thumbnails before that."""
    both = np.concatenate([_FINE, _COARSE])
    down = both if rows is None else both @ rows
    across = both if columns is None else both @ columns
    # Two large products instead of two small ones a thumbnail.
    wide = thumbs.reshape(-1, SIDE_PX).astype(np.float32) @ across.T
    tall = wide.reshape(-1, SIDE_PX, 2 * GRID).transpose(0, 2, 1).reshape(-1, SIDE_PX) @ down.T
    blurred = tall.reshape(-1, 2, GRID, 2, GRID)
    band = (blurred[:, 0, :, 0] - blurred[:, 1, :, 1]).transpose(0, 2, 1).reshape(len(thumbs), -1)
    flat = np.copysign(np.sqrt(np.abs(band)), band)
    flat -= flat.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    described: Vectors = np.divide(flat, norm, out=np.zeros_like(flat), where=norm > FLAT)
    return described


def _padded(frame: npt.NDArray[np.uint8], sizes: npt.NDArray[np.int64]) -> list[Query]:
    """Lay each frame that is no square on a black one, in the middle; once for each shape."""
    shares = np.round(sizes / sizes.max(axis=1, keepdims=True) * SHAPES) / SHAPES
    shapes, which = np.unique(shares, axis=0, return_inverse=True)
    rows, vectors = [], []
    for number, (width, height) in enumerate(shapes):
        if width == height:
            continue
        members = np.flatnonzero(which.ravel() == number)
        down, across = _padding(max(height, 1 / SHAPES)), _padding(max(width, 1 / SHAPES))
        rows.append(members)
        vectors.append(_describe(frame[members], down, across))
    return [Query(np.concatenate(rows), np.concatenate(vectors))] if rows else []


def _blur(deviation: float) -> Matrices:
    """Blur a line of SIDE_PX cells and average it to GRID cells."""
    cells = np.arange(SIDE_PX)
    kernel = np.exp(-((cells[:, None] - cells) ** 2) / (2 * deviation**2))
    blur = kernel / kernel.sum(axis=1, keepdims=True)
    pool = np.kron(np.eye(GRID), np.full((1, SIDE_PX // GRID), GRID / SIDE_PX))
    return np.asarray(pool @ blur, np.float32)


def _cropping(share: float) -> Matrices:
    """Stretch the middle of a line of cells over all of it, by linear interpolation."""
    lost = share * SIDE_PX
    places = lost + (np.arange(SIDE_PX) + 0.5) * (SIDE_PX - 2 * lost) / SIDE_PX - 0.5
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(places[:, None] - np.arange(SIDE_PX))), np.float32)


def _padding(share: float) -> Matrices:
    """Squeeze a line of cells into its middle, by area; what is left over is black."""
    start = (1 - share) * SIDE_PX / 2
    low = (np.arange(SIDE_PX)[:, None] - start) / share
    cells = np.arange(SIDE_PX)
    overlap = np.minimum(low + 1 / share, cells + 1) - np.maximum(low, cells)
    return np.asarray(np.maximum(0.0, overlap) * share, np.float32)


_FINE, _COARSE = _blur(FINE_PX), _blur(COARSE_PX)
