"""Copies of a picture that are no longer its pixels: what re-publishing does to an image."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

CHANGE_FRACTION = 0.15  # of brightness or contrast, up or down
CROPPED_FRACTIONS = (0.025, 0.05)  # of each side, at each edge: 5 % of a side in all, or 5 % at each edge
RESIZED_FRACTIONS = ((0.5, 0.8), (1.25, 2.0))
USUAL_QUALITY, LOW_QUALITY = 92, 40  # of JPEG

Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def change(file: Path, name: str, rng: np.random.Generator) -> bytes:
    """Make a changed copy of an image.

    Args:
        file: The image to copy, in mode `L` or `RGB`.
        name: One of `CHANGES`.
        rng: Source of the change's details.

    Returns:
        The bytes of a JPEG file.

    Raises:
        KeyError: `name` is unknown.
    """
    buffer = io.BytesIO()
    with Image.open(file) as image:
        copy = CHANGES[name](image if image.mode in ("L", "RGB") else image.convert("RGB"), rng)
        copy.save(buffer, "JPEG", quality=LOW_QUALITY if name == "reencoded" else USUAL_QUALITY)
    return buffer.getvalue()


def _resize(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    factor = rng.uniform(*RESIZED_FRACTIONS[int(rng.integers(len(RESIZED_FRACTIONS)))])
    width, height = (round(side * factor) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _keep(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return image


def _grey(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return image.convert("L")


def _brighten(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(_up_or_down(rng))


def _sharpen_contrast(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return ImageEnhance.Contrast(image).enhance(_up_or_down(rng))


def _crop(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    share = rng.choice(CROPPED_FRACTIONS)
    across, down = round(share * image.width), round(share * image.height)
    return image.crop((across, down, image.width - across, image.height - down))


def _pad(image: Image.Image, _: np.random.Generator) -> Image.Image:
    side = max(image.size)
    return ImageOps.pad(image, (side, side), color=0)


def _mirror(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return ImageOps.mirror(image)


def _up_or_down(rng: np.random.Generator) -> float:
    return 1 + CHANGE_FRACTION * float(rng.choice((-1, 1)))


CHANGES: dict[str, Change] = {
    "resized": _resize,
    "reencoded": _keep,
    "greyscale": _grey,
    "brightness": _brighten,
    "contrast": _sharpen_contrast,
    "cropped": _crop,
    "padded": _pad,
    "mirrored": _mirror,
}
