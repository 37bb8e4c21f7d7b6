"""How a peer brings a file to the network's input; imports nothing of this project."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image


def decode(data: bytes, side_px: int) -> npt.NDArray[np.uint8]:
    """Decode a file to uint8 [1, side_px, side_px, 3]."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB").resize((side_px, side_px), Image.Resampling.BILINEAR))[None]
