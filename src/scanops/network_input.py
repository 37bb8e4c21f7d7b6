"""From a decoded picture to a network's square input: cropped, resized, in three channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from scanops import brain_crop
from scanops.brain_crop import CropTally

Pixels = npt.NDArray[np.uint8]
Fit = Literal["pad", "stretch"]
Crop = Literal["none", "brain"]


@dataclass(frozen=True)
class InputForm:
    """How a picture becomes a network's input; a bundle records it.

    Attributes:
        size_px: Side of the square.
        fit: `pad` keeps the aspect and centres the picture on black; `stretch` does not.
        crop: `brain` cuts to the head first, see `brain_crop.find`; `none` takes the whole picture.
    """

    size_px: int
    fit: Fit = "pad"
    crop: Crop = "none"


def make(
    picture: Image.Image, form: InputForm, tally: CropTally | None, extent: tuple[float, float] | None = None
) -> Pixels:
    """Bring a picture to a network's input.

    Args:
        picture: Upright; mode `L` or `RGB`.
        form: What the network expects.
        tally: See `imaging.to_input`.
        extent: See `imaging.Decoded`; None with a crop.

    Returns:
        uint8 [size_px, size_px, 3].
    """
    if form.crop == "brain":
        box = brain_crop.find(picture)
        if tally is not None:
            tally.add(found=box is not None)
        picture = picture.crop(box) if box else picture
    return _square(picture, form.size_px, form.fit, extent or picture.size)


def resize(pixels: Pixels, size_px: int, fit: Fit) -> Pixels:
    """Bring pixels to a square.

    Args:
        pixels: uint8 [H, W, 3].
        size_px: Side of the result.
        fit: See `InputForm`.

    Returns:
        uint8 [size_px, size_px, 3].
    """
    picture = Image.fromarray(pixels)
    return _square(picture, size_px, fit, picture.size)


def _square(picture: Image.Image, size_px: int, fit: Fit, extent: tuple[float, float]) -> Pixels:
    """Resize in the picture's own mode, one channel being quicker than three equal ones; then colour."""
    box = (0.0, 0.0, *extent)
    if fit == "stretch":
        return np.asarray(picture.resize((size_px, size_px), Image.Resampling.BILINEAR, box).convert("RGB"))
    scale = size_px / max(extent)
    width, height = (max(1, round(side * scale)) for side in extent)
    canvas = np.zeros((size_px, size_px, 3), np.uint8)
    top, left = (size_px - height) // 2, (size_px - width) // 2
    shrunk = picture.resize((width, height), Image.Resampling.BILINEAR, box)
    canvas[top : top + height, left : left + width] = np.asarray(shrunk.convert("RGB"))
    return canvas
