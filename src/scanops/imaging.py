"""The only way from bytes to pixels, for training and serving alike."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from scanops.errors import ImageError

Pixels = npt.NDArray[np.uint8]
Fit = Literal["pad", "stretch"]

# Formats whose decoders run in-process on bytes alone; Pillow knows others that start programs.
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")
SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".gif": "GIF",
}
# Decoding takes up to 40 bytes a pixel, and the service's container has 2 GiB.
MAX_PIXELS = 25_000_000
# EXIF tags (EXIF 2.32, and Microsoft's XP tags) and text fields that name a person or a place.
IDENTIFYING_TAGS = {
    0x013B: "Artist",
    0x8825: "GPSInfo",
    0x9C9B: "XPTitle",
    0x9C9C: "XPComment",
    0x9C9D: "XPAuthor",
    0xA430: "CameraOwnerName",
}
ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
IDENTIFYING_TEXTS = ("author", "artist", "patient", "patientname", "name")
# Pillow's own limit would only warn below twice its value; `decode` checks the header instead.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class Decoded:
    """One decoded image.

    Attributes:
        pixels: uint8 [height, width, 3], RGB in [0, 255], upright.
        format: The format that the bytes are in, in Pillow's spelling: `JPEG`, `PNG`, …
        mode: Pillow's mode of the stored image: `L`, `RGB`, `RGBA`, `P`, …
        width: Stored width in pixels, before any rotation.
        height: Stored height in pixels, before any rotation.
        identifying: Names of metadata fields that may say who or where; their values are not kept.
    """

    pixels: Pixels
    format: str
    mode: str
    width: int
    height: int
    identifying: tuple[str, ...] = ()


def decode(data: bytes, *, subject: str = "image", max_pixels: int = MAX_PIXELS) -> Decoded:
    """Decode an image within bounds: the header's size is checked before any pixel is read.

    Args:
        data: The bytes of one file.
        subject: What to call it in a message.
        max_pixels: Refuse images with more pixels than this.

    Returns:
        Upright RGB pixels and what the header said. Transparency is laid on black, and images of
        more than 8 bits are scaled from their own range to 0…255.

    Raises:
        ImageError: `undecodable`, `truncated` or `unsupported`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_header(image, subject, max_pixels)
            header = (str(image.format), image.mode, image.width, image.height)
            pixels = _upright_rgb(image)
            return Decoded(pixels, *header, _identifying_fields(image))
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            "undecodable", subject, "is not an image in a known format", f"Send one of {', '.join(FORMATS)}"
        ) from error
    except (EOFError, OSError) as error:
        # Pillow has no exception of its own for a file that ends early.
        ended = isinstance(error, EOFError) or any(w in str(error).lower() for w in ("truncated", "end of"))
        kind = "truncated" if ended else "undecodable"
        fault = "ends before its last pixel" if ended else f"cannot be decoded ({error})"
        raise ImageError(kind, subject, fault, "Fetch or export it again") from error
    except (
        struct.error,
        ValueError,
        SyntaxError,
        IndexError,
        TypeError,
        MemoryError,
        Image.DecompressionBombError,
    ) as error:
        # Pillow's decoders raise these on damaged content.
        raise ImageError("undecodable", subject, f"cannot be decoded ({error})", "Export it again") from error


def resize(pixels: Pixels, size_px: int, fit: Fit) -> Pixels:
    """Bring an image to the network's square input.

    Args:
        pixels: uint8 [H, W, 3].
        size_px: Side of the result.
        fit: `pad` keeps the aspect and centres the image on black; `stretch` does not.

    Returns:
        uint8 [size_px, size_px, 3].
    """
    image = Image.fromarray(pixels)
    if fit == "stretch":
        return np.asarray(image.resize((size_px, size_px), Image.Resampling.BILINEAR))
    scale = size_px / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    canvas = np.zeros((size_px, size_px, 3), np.uint8)
    top, left = (size_px - height) // 2, (size_px - width) // 2
    shrunk = image.resize((width, height), Image.Resampling.BILINEAR)
    canvas[top : top + height, left : left + width] = np.asarray(shrunk)
    return canvas


def to_input(data: bytes, size_px: int, fit: Fit, *, subject: str = "image") -> Pixels:
    """Follow one image from bytes to the network's input.

    Args:
        data: The bytes of one file.
        size_px: Side of the result.
        fit: See `resize`.
        subject: What to call it in a message.

    Returns:
        uint8 [size_px, size_px, 3].

    Raises:
        ImageError: See `decode`.
    """
    return resize(decode(data, subject=subject).pixels, size_px, fit)


def _check_header(image: Image.Image, subject: str, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        fault = f"has {image.width} × {image.height} pixels, more than {max_pixels:,} in all"
        raise ImageError("unsupported", subject, fault, "Send a smaller image")
    frames = int(getattr(image, "n_frames", 1))
    if frames > 1:
        raise ImageError("unsupported", subject, f"holds {frames} frames", "Send one frame a file")


def _stand_up(image: Image.Image) -> Image.Image:
    """Turn by EXIF's orientation alone: Pillow's own function rewrites all of EXIF, damaged or not."""
    turn = ORIENTATIONS.get(_exif(image).get(ExifTags.Base.Orientation, 1))
    return image.transpose(turn) if turn is not None else image


def _exif(image: Image.Image) -> Mapping[int, Any]:
    """Read both tables of EXIF; damaged metadata is no metadata."""
    try:
        exif = image.getexif()
        return {**exif.get_ifd(ExifTags.IFD.Exif), **exif}
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError, struct.error):
        return {}


def _identifying_fields(image: Image.Image) -> tuple[str, ...]:
    exif = _exif(image)
    tags = {name for tag, name in IDENTIFYING_TAGS.items() if exif.get(tag)}
    texts = {key for key in image.info if isinstance(key, str) and key.lower() in IDENTIFYING_TEXTS}
    return tuple(sorted(tags | texts))


def _upright_rgb(image: Image.Image) -> Pixels:
    upright = _stand_up(image)
    if upright.mode in ("I", "F") or upright.mode.startswith("I;16"):
        upright = Image.fromarray(_to_eight_bits(np.asarray(upright)))
    if upright.mode in ("P", "LA", "PA", "RGBA") or "transparency" in upright.info:
        rgba = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
    return np.asarray(upright.convert("RGB"))


def _to_eight_bits(values: npt.NDArray[np.generic]) -> Pixels:
    real = np.nan_to_num(values.astype(np.float64))
    low, high = float(real.min()), float(real.max())
    return np.round((real - low) * (255.0 / (high - low) if high > low else 0.0)).astype(np.uint8)
