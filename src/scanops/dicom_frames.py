"""From a DICOM file's pixel data to stored values: what the data claim is checked before any is unpacked."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.utils import as_pixel_options

from scanops.errors import ImageError

Stored = npt.NDArray[np.integer[Any]]
MAX_FRAGMENTS = 100_000
_ITEM = b"\xfe\xff\x00\xe0"
_J2K_SIZE = re.compile(rb"\xff\x4f\xff\x51.{4}(?P<numbers>.{34})", re.DOTALL)
_JP2 = b"\x00\x00\x00\x0cjP  "
_DECOMPRESS = "Decompress it (gdcmconv --raw), or install pylibjpeg with its plug-ins"


def require(data: Dataset, syntax: uid.UID, frames: int, subject: str) -> None:
    """Hold what is there against what the header claims.

    Args:
        data: The file's elements.
        syntax: How its pixels are encoded.
        frames: How many frames the header claims.
        subject: What to call the file in a message.

    Raises:
        ImageError: `unsupported` or `undecodable`.
        EOFError: Pixels are missing.
    """
    bits, samples = int(data.BitsAllocated), int(data.SamplesPerPixel)
    if bits not in (1, 8, 16, 32) or samples not in (1, 3):
        fault = f"has {samples} samples of {bits} bits a pixel"
        raise ImageError("unsupported", subject, fault, "Export it with 8 or 16 bits")
    if syntax.is_private or not syntax.is_transfer_syntax:
        raise ImageError(
            "unsupported", subject, f"is in the unknown transfer syntax {_shown(syntax)}", _DECOMPRESS
        )
    if syntax.is_encapsulated:
        _require_decoder(syntax, subject)
        if data.PixelData.count(_ITEM) > MAX_FRAGMENTS:
            raise ImageError("unsupported", subject, "is cut into too many fragments", _DECOMPRESS)
        return
    claimed = int(data.Rows) * int(data.Columns) * samples * bits * frames
    if data.PhotometricInterpretation == "YBR_FULL_422":  # two of three samples for each pair of pixels
        claimed = claimed // 3 * 2
    if len(data.PixelData) < -(-claimed // 8):
        raise EOFError


def decode(data: Dataset, syntax: uid.UID, number: int, subject: str) -> Stored:
    """Decode one frame.

    Args:
        data: The file's elements, which `require` let pass.
        syntax: How its pixels are encoded.
        number: The frame, from 0.
        subject: What to call the file in a message.

    Returns:
        Integers [H, W] or [H, W, 3]; what was stored as YBR is RGB.

    Raises:
        ImageError: `undecodable` or `unsupported`.
        Exception: What the decoders raise on damage.
    """
    if not syntax.is_encapsulated:
        if data.BitsAllocated == 1:
            return _unpack_bits(data, number)
        return get_decoder(syntax).as_array(data, index=number)[0]
    offsets = (
        (data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths) if "ExtendedOffsetTable" in data else None
    )
    frames = int(data.get("NumberOfFrames") or 1)
    encoded = get_frame(data.PixelData, number, number_of_frames=frames, extended_offsets=offsets)
    if syntax == uid.RLELossless:
        return _unpack_run_lengths(data, encoded)
    _require_size(data, encoded, subject)
    try:
        return get_decoder(syntax).as_array(data, index=number)[0]
    except RuntimeError as error:
        # Pydicom gathers what each decoder said.
        if any(words in str(error) for words in ("does not support", "cannot decode", "only (0028")):
            raise ImageError(
                "unsupported", subject, f"is {syntax.name} of a kind unknown here", _DECOMPRESS
            ) from error
        raise


def _unpack_bits(data: Dataset, number: int) -> Stored:
    """Unpack one bit a pixel, PS3.5 section 8.1.1: a frame may begin within the byte where another ends."""
    shape = int(data.Rows), int(data.Columns)
    first = number * shape[0] * shape[1]
    stop = first + shape[0] * shape[1]
    packed = np.frombuffer(data.PixelData, np.uint8)[first // 8 : -(-stop // 8)]
    return np.unpackbits(packed, bitorder="little")[first % 8 :][: stop - first].reshape(shape)


def _require_decoder(syntax: uid.UID, subject: str) -> None:
    decoder: Decoder | None
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        decoder = None  # film, for example
    if decoder is None or not decoder.is_available:
        raise ImageError("unsupported", subject, f"is compressed as {syntax.name}", _DECOMPRESS)


def _require_size(data: Dataset, encoded: bytes, subject: str) -> None:
    """Compare a code stream's own header with the file's: the decoder would make room for what it claims."""
    claimed = (int(data.Columns), int(data.Rows), int(data.SamplesPerPixel))
    _require_boxes(encoded)
    found = _size_of_jpeg(encoded) or _size_of_j2k(encoded)
    if found != claimed:
        raise ImageError(
            "undecodable", subject, "holds a picture of another size than it says", "Export it again"
        )


def _require_boxes(encoded: bytes) -> None:
    """Walk the boxes around a code stream (ITU-T T.800 annex I): pydicom never leaves one of length 0."""
    place = 12
    while encoded.startswith(_JP2) and encoded[place + 4 : place + 8] not in (b"jp2c", b""):
        length = int.from_bytes(encoded[place : place + 4], "big")
        if length < 8:
            raise ValueError("a box of JPEG 2000 is shorter than its own header")
        place += length


def _size_of_jpeg(encoded: bytes) -> tuple[int, int, int] | None:
    """Read width, height and components from the frame header, ITU-T T.81 section B.2.2."""
    if encoded[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 9 < len(encoded) and encoded[place] == 0xFF:
        marker = encoded[place + 1]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            height = int.from_bytes(encoded[place + 5 : place + 7], "big")
            return int.from_bytes(encoded[place + 7 : place + 9], "big"), height, encoded[place + 9]
        # A fill byte stands alone; every other marker before the frame header has a length.
        place += 1 if marker == 0xFF else 2 + max(2, int.from_bytes(encoded[place + 2 : place + 4], "big"))
    return None


def _size_of_j2k(encoded: bytes) -> tuple[int, int, int] | None:
    """Read width, height and components from the SIZ marker, ITU-T T.800 section A.5.1."""
    found = _J2K_SIZE.search(encoded, 0, 4096)
    if found is None:
        return None
    right, bottom, left, top = np.frombuffer(found["numbers"], ">u4", 4).tolist()
    return right - left, bottom - top, int.from_bytes(found["numbers"][32:34], "big")


def _unpack_run_lengths(data: Dataset, encoded: bytes) -> Stored:
    """Unpack RLE, PS3.5 annex G; Pillow's unpacker writes no more than the picture holds."""
    samples, width = int(data.SamplesPerPixel), int(data.BitsAllocated) // 8
    pixels = int(data.Rows) * int(data.Columns)
    count, *offsets = np.frombuffer(encoded, "<u4", 16).tolist()
    if count != samples * width:
        raise ValueError("another number of segments than of bytes in a pixel")
    ends = [*offsets[1:count], len(encoded)]
    planes = np.empty((pixels, samples, width), np.uint8)
    for place, (start, end) in enumerate(zip(offsets, ends, strict=False)):
        segment = Image.frombytes("L", (pixels, 1), encoded[start:end], "packbits", "L")
        # The most significant byte comes first.
        planes[:, place // width, width - 1 - place % width] = np.asarray(segment)[0]
    changed = {"number_of_frames": 1, "planar_configuration": 0, "pixel_keyword": "PixelData"}
    native = get_decoder(uid.ExplicitVRLittleEndian)
    return native.as_array(planes.tobytes(), index=0, **{**as_pixel_options(data), **changed})[0]


def _shown(syntax: uid.UID) -> str:
    """Quote a UID of which nobody knows what it holds: digits and dots, cut."""
    return re.sub(r"[^0-9.]", "", syntax)[:64] or "without a name"
