"""The only way from bytes to pixels, for training and serving alike."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from scanops import network_input, pictures, plain_files
from scanops.brain_crop import CropTally
from scanops.decoded import Decoded
from scanops.errors import ImageError
from scanops.image_paths import SUFFIXES, file_path, frame_path, locate, named_rightly
from scanops.network_input import Crop, Fit, InputForm, Pixels, resize
from scanops.pictures import FORMATS

if TYPE_CHECKING:
    from scanops import dicom

# What callers take from here though it is written in another module.
__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Crop",
    "CropTally",
    "Decoded",
    "Fit",
    "InputForm",
    "Pixels",
    "file_path",
    "frame_path",
    "locate",
    "named_rightly",
    "resize",
]

# Decoding takes up to 40 bytes a pixel, and the service's container has 2 GiB.
MAX_PIXELS = 25_000_000
# PS3.10 section 7.1. Some old files lack both preamble and magic: they begin with group 0002 or 0008.
_DICOM_MAGIC = slice(128, 132)
_BARE_DICOM = re.compile(rb"[\x02\x08]\x00.\x00(?:[A-Z]{2}|..\x00\x00)|\x00\x08\x00.[A-Z]{2}", re.DOTALL)


def decode(
    data: bytes,
    *,
    subject: str = "image",
    max_pixels: int = MAX_PIXELS,
    frame: int | None = None,
    form: InputForm | None = None,
) -> Decoded:
    """Decode an image within bounds: the header's size is checked before any pixel is read.

    Args:
        data: The bytes of one file.
        subject: What to call it in a message.
        max_pixels: Refuse images, or frames, with more pixels than this.
        frame: Which frame of a DICOM file of several, from 0; None for the only one.
        form: What a network expects, where the image is for it alone: no more of a JPEG is decoded than it
            needs. All that leads to a network's input has to give it, as pixels differ a little.

    Returns:
        Upright pixels and what the header said. Transparency is laid on black, and images of more than
        8 bits are scaled from their own range to 0…255, DICOM by its window where it has one.

    Raises:
        ImageError: `undecodable`, `truncated` or `unsupported`.
    """
    if is_dicom(data):
        file = _read_dicom(data, subject, max_pixels)
        if frame is None and file.frames > 1:
            raise ImageError(
                "unsupported",
                subject,
                f"holds {file.frames} frames",
                "Send one frame a file, or name one of them",
            )
        return _decode_frame(file, frame or 0)
    if frame:
        raise ImageError("unsupported", subject, f"has no frame {frame}", "Only DICOM is read by frames")
    return pictures.decode(data, subject, max_pixels, _enough_px(form))


def decode_frames(
    data: bytes,
    *,
    subject: str = "image",
    max_pixels: int = MAX_PIXELS,
    max_frames: int = 1,
    form: InputForm | None = None,
) -> Iterator[Decoded]:
    """Decode every image of a file: each frame of DICOM, the only one of another format.

    Args:
        data: The bytes of one file; they are parsed once.
        subject: What to call it in a message.
        max_pixels: Refuse files with more pixels in a frame than this.
        max_frames: Refuse DICOM files with more frames than this.
        form: See `decode`.

    Yields:
        What `decode` returns for each frame, in order; one is decoded at a time.

    Raises:
        ImageError: See `decode`.
    """
    if not is_dicom(data):
        yield pictures.decode(data, subject, max_pixels, _enough_px(form))
        return
    file = _read_dicom(data, subject, max_pixels)
    if file.frames > max_frames:
        fault = f"holds {file.frames} frames, more than {max_frames}"
        raise ImageError("unsupported", subject, fault, "Raise max_frames, or cut it into shorter files")
    for number in range(file.frames):
        yield _decode_frame(file, number)


def is_dicom(data: bytes) -> bool:
    """Tell DICOM by its first bytes, with the preamble of Part 10 or without.

    Args:
        data: The bytes of one file.
    """
    return data[_DICOM_MAGIC] == b"DICM" or _BARE_DICOM.match(data) is not None


def count_pixels(data: bytes) -> int:
    """Read the size that a header declares, before anything is decoded.

    Args:
        data: The bytes of one file.

    Returns:
        Pixels of the image, or of one frame; 0 where no size can be read, which decoding then tells.
    """
    try:
        if is_dicom(data):
            return _read_dicom(data, "image", None).pixels
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return image.width * image.height
    except Exception:  # Pillow's parsers raise many kinds on damaged headers
        return 0


def read(
    root: Path,
    path: str,
    *,
    subject: str | None = None,
    max_pixels: int = MAX_PIXELS,
    form: InputForm | None = None,
) -> Decoded:
    """Read and decode what a path of a manifest leads to.

    Args:
        root: Folder that the path is relative to.
        path: See `locate`.
        subject: What to call it in a message; the file's path when None.
        max_pixels: See `decode`.
        form: See `decode`.

    Returns:
        The image.

    Raises:
        ImageError: See `decode`; also for what is not a regular file.
        OSError: The file is not there, or may not be read.
    """
    file, frame = locate(root, path)
    if frame is None:
        return decode(plain_files.read(file), subject=subject or path, max_pixels=max_pixels, form=form)
    state = os.lstat(file)
    told = subject or file_path(path)
    return _decode_frame(_open_frames(file, told, max_pixels, state.st_mtime_ns, state.st_size), frame)


def to_input(image: Decoded, form: InputForm, tally: CropTally | None = None) -> Pixels:
    """Crop, resize and colour an image: the only way to a network's input, for training and serving alike.

    Args:
        image: What `decode` or `read` returned, for the same form.
        form: What the network expects.
        tally: Where to count whether there was something to crop to; None counts nothing.

    Returns:
        uint8 [size_px, size_px, 3].
    """
    return network_input.make(image.picture, form, tally, image.extent)


def _enough_px(form: InputForm | None) -> int | None:
    """Where a head is looked for first, the whole picture is: what is cut out may be any part of it."""
    return form.size_px if form is not None and form.crop == "none" else None


# Frames are asked for one after the other: without this a file of a thousand is read a thousand times.
@lru_cache(maxsize=1)
def _open_frames(file: Path, subject: str, max_pixels: int, _changed_ns: int, _bytes: int) -> dicom.File:
    data = plain_files.read(file)
    if not is_dicom(data):
        raise ImageError("unsupported", subject, "has no frames", "Only DICOM is read by frames")
    return _read_dicom(data, subject, max_pixels)


def _read_dicom(data: bytes, subject: str, max_pixels: int | None) -> dicom.File:
    # Pydicom takes half a second to load, and most sets and most services never meet a DICOM file.
    from scanops import dicom  # noqa: PLC0415

    return dicom.read(data, subject, max_pixels)


def _decode_frame(file: dicom.File, number: int) -> Decoded:
    picture = pictures.keep_one_of_equal(Image.fromarray(file.frame(number)))
    return Decoded(picture, "DICOM", file.mode, file.width, file.height, file.identifying, file.patient)
