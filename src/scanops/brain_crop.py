"""Where the head lies in a picture: the extent of what is bright and hangs together.

The procedure is the one in common use on brain MRI, after A. Rosebrock, "Finding extreme points in contours
with OpenCV" (PyImageSearch, 2016): blur, threshold, erode, dilate, take the largest contour, cut at its
extreme points. Here it runs on a reduced copy with NumPy and Pillow alone, since the service carries no more,
and it gives up where its answer would be no head.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
# Left, upper, right, lower in pixels; right and lower are the first ones outside (Pillow's order).
Box = tuple[int, int, int, int]

# Side of the reduced copy at most; what follows is in its pixels.
SIDE_PX = 256
# A mean of 3 × 3: reducing has blurred already, and a Gaussian would take longer than all the rest.
BLUR = ImageFilter.BoxBlur(1)
# Grey levels; up to here is background. The source takes 45, and erodes and dilates twice. On the public sets
# that cuts one head in six where the skull is thin or the brain dim; this, with MIN_HELD, one in a thousand.
THRESHOLD = 30
SQUARE_PX = 3
# The opening takes the tip of a skull away, and the threshold its dark rim.
MARGIN_PX = 3
# A box smaller than this share of the picture is no head, one larger leaves nothing to cut.
MIN_SHARE, MAX_SHARE = 0.05, 0.95
# Share of all that is bright that a box must hold: else there are several things, or a head in pieces.
MIN_HELD = 0.95


class CropTally:
    """Counts pictures, and those left whole because there was nothing to crop to; may be shared by threads.

    Attributes:
        images: Pictures that were to be cropped.
        fallbacks: Those of them left whole.
    """

    def __init__(self) -> None:
        self.images = 0
        self.fallbacks = 0
        self._lock = threading.Lock()

    def add(self, *, found: bool) -> None:
        """Count a picture.

        Args:
            found: Whether there was a head to crop to.
        """
        with self._lock:
            self.images += 1
            self.fallbacks += not found

    def counts(self) -> dict[str, int]:
        """Give the counts by name.

        Returns:
            `images` and `fallbacks`.
        """
        return {"images": self.images, "fallbacks": self.fallbacks}

    def remark(self) -> str:
        """Say how many pictures were left whole.

        Returns:
            The end of a line for the terminal; empty where nothing was to be cropped.
        """
        if not self.images:
            return ""
        return f"; {self.fallbacks} of {self.images} pictures left whole by the crop"


def find(picture: Image.Image) -> Box | None:
    """Find the head.

    Args:
        picture: Upright; mode `L` or `RGB`.

    Returns:
        The box around it, inside the picture; None where nothing stands out from a dark background, or
        what does is too small, fills the picture, or is in several places.
    """
    factor = -(-max(picture.size) // SIDE_PX)
    # Reduced first: a mean of colours is made grey faster than colours are.
    small = (picture.reduce(factor) if factor > 1 else picture).convert("L")
    if min(small.size) < SQUARE_PX:
        return None
    opened = _open(np.asarray(small.filter(BLUR)) > THRESHOLD)
    found = _largest(opened)
    if found is None:
        return None
    left, upper, right, lower = found
    if opened[upper:lower, left:right].sum() < MIN_HELD * opened.sum():
        return None
    width, height = picture.size
    box = (
        max(0, left - MARGIN_PX) * factor,
        max(0, upper - MARGIN_PX) * factor,
        min(width, (right + MARGIN_PX) * factor),
        min(height, (lower + MARGIN_PX) * factor),
    )
    share = (box[2] - box[0]) * (box[3] - box[1]) / (width * height)
    return box if MIN_SHARE <= share <= MAX_SHARE else None


def _open(mask: Mask) -> Mask:
    """Erode, then dilate [H, W]: what no square of that side fits into is gone."""
    kept = _all_along(_all_along(mask).T).T
    dark = np.pad(~kept, SQUARE_PX - 1, constant_values=True)
    return ~_all_along(_all_along(dark).T).T


def _all_along(mask: Mask) -> Mask:
    """Tell [H - 2, W] where three in a column are all true."""
    return mask[:-2] & mask[1:-1] & mask[2:]


def _largest(mask: Mask) -> Box | None:
    """Find the connected region (by sides or corners) whose box is the largest.

    OpenCV's area of a contour counts what it encloses, and so does this: a bright skull around a dark brain
    is larger than a bright tumour in it.
    """
    stride = mask.shape[1] + 1
    # A dark column at the right keeps the runs of two rows apart.
    flat = np.pad(mask, ((0, 0), (0, 1))).ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return None
    regions = _join(starts, ends, stride)
    rows, left, right = starts // stride, starts % stride, (ends - 1) % stride + 1
    order = np.argsort(regions, kind="stable")
    firsts = np.flatnonzero(np.diff(regions[order], prepend=-1))
    upper = np.minimum.reduceat(rows[order], firsts)
    lower = np.maximum.reduceat(rows[order], firsts) + 1
    left = np.minimum.reduceat(left[order], firsts)
    right = np.maximum.reduceat(right[order], firsts)
    best = int(np.argmax((right - left) * (lower - upper)))
    return int(left[best]), int(upper[best]), int(right[best]), int(lower[best])


def _join(starts: Integers, ends: Integers, stride: int) -> Integers:
    """Give each run of bright pixels the number of the first run of its region.

    A union-find whose hooking and shortcutting are done for all at once, as in Shiloach and Vishkin, "An
    O(log n) parallel connectivity algorithm" (J. Algorithms 3, 1982).
    """
    # Runs of the row above that touch a run, corners included, follow each other.
    first = np.searchsorted(ends, starts - stride, "left")
    count = np.searchsorted(starts, ends - stride, "right") - first
    lower = np.repeat(np.arange(len(starts)), count)
    upper = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    root = np.arange(len(starts))
    while (differ := root[lower] != root[upper]).any():
        ours, theirs = root[lower[differ]], root[upper[differ]]
        np.minimum.at(root, np.maximum(ours, theirs), np.minimum(ours, theirs))
        while (shorter := root[root]).tobytes() != root.tobytes():
            root = shorter
    return root
