"""Pictures in the formats that Pillow decodes: within bounds, upright, grey or RGB."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from scanops import identity, jpeg_chroma
from scanops.decoded import Decoded
from scanops.errors import ImageError

# Formats whose decoders run in-process on bytes alone; Pillow knows others that start programs.
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")
ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow's own limit would only warn below twice its value; `decode` checks the header instead.
Image.MAX_IMAGE_PIXELS = None


def decode(data: bytes, subject: str, max_pixels: int, enough_px: int | None = None) -> Decoded:
    """Decode a picture; its header's size is checked before any pixel is read.

    Args:
        data: The bytes of one file.
        subject: What to call it in a message.
        max_pixels: Refuse pictures with more pixels than this.
        enough_px: An upright JPEG may come at a half, a quarter or an eighth of its size, as long as
            neither side falls below this. Its blocks are then transformed to fewer pixels, which is a
            low-pass filter that takes a fraction of the time. None: every pixel is wanted.

    Returns:
        The picture, in mode `L` where it is grey, else `RGB`, and what the header said.

    Raises:
        ImageError: `undecodable`, `truncated` or `unsupported`.
    """
    with _told(subject), Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_header(image, subject, max_pixels)
        header = (str(image.format), image.mode, image.width, image.height)
        extent = _lighten(image, data, enough_px)
        image.load()
        identifying = identity.named_in(image)  # before metadata are dropped
        return Decoded(keep_one_of_equal(_stand_up_plain(image)), *header, identifying, extent=extent)


def keep_one_of_equal(picture: Image.Image) -> Image.Image:
    """Take a grey picture that is stored in three equal channels as one channel.

    What follows, hashing and resizing above all, costs a third then, and gives the same.

    Args:
        picture: In mode `L` or `RGB`.

    Returns:
        In mode `L` where all colours are greys, else as it came.
    """
    if picture.mode == "L":
        return picture
    middle = picture.height // 2
    if _levels(picture.crop((0, middle, picture.width, middle + 1))) is None:
        return picture  # as nearly every picture with colours: they show in a single row
    levels = _levels(picture)
    return picture if levels is None else Image.frombuffer("L", picture.size, levels, "raw", "L", 0, 1)


def _levels(picture: Image.Image) -> bytes | None:
    """Give the levels that all three channels have; None where they differ."""
    # Packed bytes: comparing them costs half of what comparing images does.
    red, green, blue = (picture.tobytes("raw", channel) for channel in "RGB")
    return red if red == green == blue else None


def _lighten(image: Image.Image, data: bytes, enough_px: int | None) -> tuple[float, float] | None:
    """Have no more of a JPEG decoded than there is, or is needed.

    Returns:
        How far the picture reaches where it comes smaller, see `Decoded.extent`; else None.
    """
    if image.format != "JPEG":
        return None
    # The decoder puts out the luminance alone: the same levels as in each of three equal channels.
    mode = "L" if image.mode == "RGB" and jpeg_chroma.is_empty(data) else None
    size = None if enough_px is None or identity.orientation(image) != 1 else (enough_px, enough_px)
    if mode is None and size is None:
        return None
    drafted = image.draft(mode, size)
    return drafted[1][2:] if drafted and size else None


@contextmanager
def _told(subject: str) -> Iterator[None]:
    """Tell what Pillow's decoders raise in our words."""
    try:
        yield
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        known = f"Send one of {', '.join((*FORMATS, 'DICOM'))}"
        raise ImageError("undecodable", subject, "is not an image in a known format", known) from error
    except (EOFError, OSError) as error:
        # Pillow has no exception of its own for a file that ends early.
        ended = isinstance(error, EOFError) or any(w in str(error).lower() for w in ("truncated", "end of"))
        kind = "truncated" if ended else "undecodable"
        fault = "ends before its last pixel" if ended else f"cannot be decoded ({error})"
        raise ImageError(kind, subject, fault, "Fetch or export it again") from error
    except (
        struct.error,
        zlib.error,
        ArithmeticError,
        LookupError,
        MemoryError,
        SyntaxError,
        TypeError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:
        # Pillow's parsers raise these on damaged content, wherever it first shows; a defect of ours, others.
        raise ImageError("undecodable", subject, f"cannot be decoded ({error})", "Export it again") from error


def _check_header(image: Image.Image, subject: str, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        fault = f"has {image.width} × {image.height} pixels, more than {max_pixels:,} in all"
        raise ImageError("unsupported", subject, fault, "Send a smaller image")
    frames = int(getattr(image, "n_frames", 1))
    if frames > 1:
        raise ImageError("unsupported", subject, f"holds {frames} frames", "Send one frame a file")


def _stand_up_plain(image: Image.Image) -> Image.Image:
    """Turn by EXIF's orientation alone: Pillow's own function rewrites all of EXIF, damaged or not."""
    turn = ORIENTATIONS.get(identity.orientation(image))
    plain = _grey_or_rgb(image)
    if turn is not None:
        plain = plain.transpose(turn)
    plain.info = {}  # metadata are not kept
    return plain


def _grey_or_rgb(image: Image.Image) -> Image.Image:
    """Give the same in mode `L` or `RGB`; itself where it is so already, as most are."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_to_eight_bits(np.asarray(image)))
    if image.mode in ("P", "LA", "PA", "RGBA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba).convert("RGB")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _to_eight_bits(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    real = np.nan_to_num(values.astype(np.float64))
    low, high = float(real.min()), float(real.max())
    return np.round((real - low) * (255.0 / (high - low) if high > low else 0.0)).astype(np.uint8)
