"""Two small views of a picture, by which copies of it are found: the whole frame, and what is in it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE_PX = 48
VIEWS = 2  # the whole frame, then its content
BYTES = VIEWS * SIDE_PX * SIDE_PX
WORKING_PX = 256  # long side, at least, of the reduced image that both are taken from
BORDER_LEVELS = 12  # grey levels by which content differs from the border
CONTENT_SHARE = 0.03  # of a row or column that must be content; less is noise
SMALLEST_CONTENT_PX = 8

Box = tuple[int, int, int, int]
Levels = npt.NDArray[np.uint8]


def reduce(levels: Levels) -> Levels:
    """Shrink a picture by a whole factor to what thumbnails and statistics are taken from.

    Args:
        levels: Grey levels, uint8 [H, W], contiguous.

    Returns:
        The same, or smaller with a long side of WORKING_PX or more; each pixel a mean of whole pixels.
    """
    factor = max(levels.shape) // WORKING_PX
    if factor < 2:
        return levels
    if factor == 2 and not any(side % 2 for side in levels.shape):
        return _halve(levels)
    return np.asarray(Image.fromarray(levels).reduce(factor))


def _halve(levels: Levels) -> Levels:
    """Do what Pillow does, in half the time: most slices have 512 pixels a side."""
    pairs = levels.view("<u2")  # of neighbours in a row: one in the low byte, one in the high byte
    sums = pairs & 0xFF
    sums += pairs >> 8
    fours = sums[0::2] + sums[1::2]
    fours += 2  # a half is rounded up
    fours >>= 2
    return fours.astype(np.uint8)


def take(working: Levels) -> bytes:
    """Draw both views of a picture.

    Args:
        working: What `reduce` returned.

    Returns:
        uint8 [VIEWS, SIDE_PX, SIDE_PX], row by row. Both are stretched to squares, so a picture is
        compared without its aspect.
    """
    image = Image.fromarray(working)
    views = [_shrink(image, box) for box in ((0, 0, *image.size), find_content(working))]
    return b"".join(view.tobytes() for view in views)


def find_content(levels: Levels) -> Box:
    """Find what stands out from a picture's border: a head without the black around it.

    Args:
        levels: Grey levels, uint8 [H, W].

    Returns:
        Left, top, right, bottom in pixels; the whole frame where nothing stands out.
    """
    border = _border_level(levels)
    lowest = max(0, border - BORDER_LEVELS)
    # Unsigned arithmetic wraps, so one comparison finds what is below and what is above.
    content = (levels - np.uint8(lowest)) > np.uint8(border + BORDER_LEVELS - lowest)
    # As products, because NumPy counts booleans along an axis by widening each to eight bytes.
    counted = content.astype(np.float32)
    height, width = levels.shape
    rows = np.flatnonzero(counted @ np.ones(width, np.float32) > CONTENT_SHARE * width)
    columns = np.flatnonzero(np.ones(height, np.float32) @ counted > CONTENT_SHARE * height)
    if not len(rows) or not len(columns):
        return 0, 0, width, height
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    if min(right - left, bottom - top) < SMALLEST_CONTENT_PX:
        return 0, 0, width, height
    return left, top, right, bottom


def _border_level(levels: Levels) -> int:
    """Return the median level of the outermost two pixels, the lower one of two in the middle."""
    edge = np.concatenate([levels[:2], levels[-2:], levels[:, :2].T, levels[:, -2:].T], axis=None)
    middle = (edge.size - 1) // 2
    return int(np.partition(edge, middle)[middle])


def unpack(taken: bytes | bytearray) -> npt.NDArray[np.uint8]:
    """Read the views of many pictures.

    Args:
        taken: What `take` returned for each, one after another.

    Returns:
        uint8 [N, VIEWS, SIDE_PX, SIDE_PX], without a copy.
    """
    return np.frombuffer(taken, np.uint8).reshape(-1, VIEWS, SIDE_PX, SIDE_PX)


def hash_perceptually(taken: bytes) -> str:
    """Hash what a picture looks like (pHash: Zauner, 2010, the signs of low frequencies of a DCT).

    Args:
        taken: What `take` returned.

    Returns:
        64 bits as 16 hexadecimal digits: 1 where a coefficient is above the median of its 8 × 8 block.
    """
    low = (_COSINES @ unpack(taken)[0, 0] @ _COSINES.T).ravel()
    median = np.sort(low[1:])[(len(low) - 1) // 2]
    return np.packbits(low > median).tobytes().hex()


def _shrink(image: Image.Image, box: Box) -> Image.Image:
    enlarged = min(box[2] - box[0], box[3] - box[1]) < 2 * SIDE_PX
    kernel = Image.Resampling.BILINEAR if enlarged else Image.Resampling.BOX
    return image.resize((SIDE_PX, SIDE_PX), kernel, box=box)


def _cosines(count: int) -> npt.NDArray[np.float64]:
    """Return the first rows of the orthonormal DCT-II matrix: [count, SIDE_PX]."""
    angles = np.pi * (np.arange(SIDE_PX) + 0.5) * np.arange(count)[:, None] / SIDE_PX
    rows: npt.NDArray[np.float64] = np.sqrt(2 / SIDE_PX) * np.cos(angles)
    rows[0] /= np.sqrt(2)
    return rows


_COSINES = _cosines(8)
