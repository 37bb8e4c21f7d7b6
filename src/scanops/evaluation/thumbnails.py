"""Small grey pictures, by which the nearest-neighbour baseline compares images."""

from __future__ import annotations

import numpy as np

from scanops import imaging

# ITU-R BT.601 luma, in thousandths: whole numbers keep distances exact.
LUMA = np.array([299, 587, 114], np.int64)


def shrink(pixels: imaging.Pixels, side_px: int) -> imaging.Pixels:
    """Shrink inputs of a network.

    Args:
        pixels: uint8 [N, H, H, 3].
        side_px: Side of a thumbnail.

    Returns:
        uint8 [N, side_px * side_px].
    """
    small = np.stack([imaging.resize(image, side_px, "stretch") for image in pixels])
    return ((small.astype(np.int64) @ LUMA + 500) // 1000).astype(np.uint8).reshape(len(pixels), -1)
