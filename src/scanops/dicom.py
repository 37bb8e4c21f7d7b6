"""DICOM files, parsed within bounds: what the header says, and each frame as grey levels or colours.

Standard: DICOM PS3.3 (attributes), PS3.5 (encoding), PS3.10 (files). Pixels come as they are stored: neither
PixelAspectRatio nor PixelSpacing nor the patient's orientation is applied; overlays are not drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from pydicom import uid
from pydicom.dataset import Dataset

from scanops import dicom_elements, dicom_frames, dicom_identity, dicom_levels
from scanops.errors import ImageError

_AS_GREY = "Export it as MONOCHROME2 or RGB"
_COLOURS = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}
_GREYS = {"MONOCHROME1", "MONOCHROME2"}


class File:
    """A parsed DICOM file whose header is within bounds; its frames are decoded one at a time.

    Args:
        data: Its elements.
        syntax: How its pixels are encoded.
        subject: What to call it in a message.

    Attributes:
        width: Pixels across.
        height: Pixels down.
        frames: Number of frames, 1 or more.
        mode: `L` for up to 8 bits of grey, `I;16` or `I` for more, `P` for palettes, else `RGB`.
        identifying: See `dicom_identity.named_in`.
        patient: See `dicom_identity.pseudonym`.
    """

    def __init__(self, data: Dataset, syntax: uid.UID, subject: str) -> None:
        self.width, self.height = int(data.Columns), int(data.Rows)
        self.frames = int(data.get("NumberOfFrames") or 1)
        self.identifying = dicom_identity.named_in(data)
        self.patient = dicom_identity.pseudonym(data)
        self.photometric = str(data.PhotometricInterpretation).strip()
        self.mode = _mode(self.photometric, int(data.BitsAllocated))
        self._data, self._syntax, self._subject = data, syntax, subject

    @property
    def pixels(self) -> int:
        """Pixels of one frame."""
        return self.width * self.height

    def require(self, max_pixels: int | None) -> None:
        """Hold the header against the bounds, and the pixels that are there against the header.

        Args:
            max_pixels: Of one frame; None bounds nothing.

        Raises:
            ImageError: `undecodable`, `truncated` or `unsupported`.
        """
        subject = self._subject
        if min(self.width, self.height, self.frames) < 1:
            fault = f"claims {self.frames} frames of {self.width} × {self.height} pixels"
            raise ImageError("undecodable", subject, fault, "Export it again")
        if max_pixels is not None and self.pixels > max_pixels:
            fault = f"has {self.width} × {self.height} pixels, more than {max_pixels:,} in all"
            raise ImageError("unsupported", subject, fault, "Send a smaller image")
        if self.photometric not in _GREYS | _COLOURS | {"PALETTE COLOR"}:
            raise ImageError("unsupported", subject, "has an unknown photometric interpretation", _AS_GREY)
        if max_pixels is not None:
            with _told(subject):
                dicom_frames.require(self._data, self._syntax, self.frames, subject)

    def frame(self, number: int) -> npt.NDArray[np.uint8]:
        """Decode one frame.

        Args:
            number: From 0.

        Returns:
            uint8 [height, width] for grey, [height, width, 3] for colours.

        Raises:
            ImageError: `undecodable`, `truncated` or `unsupported`, also where there is no such frame.
        """
        if not 0 <= number < self.frames:
            fault = f"has no frame {number}, only {self.frames}"
            raise ImageError("undecodable", self._subject, fault, "Validate the data again")
        with _told(self._subject):
            stored = dicom_frames.decode(self._data, self._syntax, number, self._subject)
            if self.photometric in _GREYS:
                return dicom_levels.grey(
                    stored, self._data, number, inverted=self.photometric == "MONOCHROME1"
                )
            if self.photometric == "PALETTE COLOR":
                return dicom_levels.palette(stored, self._data, self._subject)
            return dicom_levels.colour(stored, int(self._data.BitsStored))


def read(data: bytes, subject: str, max_pixels: int | None) -> File:
    """Parse a file.

    Args:
        data: The bytes of a DICOM file, with or without the preamble.
        subject: What to call it in a message.
        max_pixels: Refuse more pixels in a frame; None parses the header alone, whatever it claims.

    Returns:
        The file, its header within bounds.

    Raises:
        ImageError: `undecodable`, `truncated` or `unsupported`.
    """
    with _told(subject):
        elements, syntax = dicom_elements.parse(data, subject)
        if "Rows" not in elements or "Columns" not in elements:
            if dicom_elements.was_a_picture(elements):
                raise EOFError
            raise ImageError("unsupported", subject, "is DICOM without a picture", "Leave it out")
        if "PixelData" not in elements and max_pixels is not None:
            if "FloatPixelData" in elements or "DoubleFloatPixelData" in elements:
                raise ImageError("unsupported", subject, "holds pixels in floating point", _AS_GREY)
            raise EOFError
        file = File(elements, syntax, subject)
        file.require(max_pixels)
        return file


def _mode(photometric: str, bits: int) -> str:
    if photometric == "PALETTE COLOR":
        return "P"
    if photometric not in _GREYS:
        return "RGB"
    return "L" if bits <= 8 else "I;16" if bits <= 16 else "I"


@contextmanager
def _told(subject: str) -> Iterator[None]:
    """Tell what the parser and its decoders raise, without their words: those quote values of the file."""
    try:
        yield
    except ImageError:
        raise
    except EOFError as error:
        raise ImageError("truncated", subject, "ends before its last pixel", "Fetch it again") from error
    except Exception as error:  # pydicom and its decoders raise nearly every kind on damaged content
        if "truncated" in str(error):
            raise ImageError("truncated", subject, "ends before its last pixel", "Fetch it again") from error
        fault = f"is DICOM that cannot be decoded ({type(error).__name__})"
        raise ImageError("undecodable", subject, fault, "Export it again") from error
