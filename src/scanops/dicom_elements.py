"""A DICOM file's elements, split within bounds: hostile bytes cost neither a minute nor a gigabyte."""

from __future__ import annotations

import io
import logging
import warnings
import zlib
from struct import unpack_from

import pydicom.config
from pydicom import uid
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import data_element_generator, read_dataset
from pydicom.values import converters

from scanops.errors import ImageError

# Warnings and log lines of the parser quote values, and values name patients.
warnings.filterwarnings("ignore", module=r"pydicom(\..*)?")
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

# Each element takes one to three reads; a thousand frames' settings take fewer than 200,000.
MAX_READS = 500_000
# A deflated file grows a thousandfold at most; what unpacks to more than this was made to do harm.
MAX_INFLATED_BYTES = 256 << 20
_TRANSFER_SYNTAX = 0x00020010


def parse(data: bytes, subject: str) -> tuple[Dataset, uid.UID]:
    """Split a file into its elements, without looking at pixels.

    Args:
        data: The bytes of a DICOM file.
        subject: What to call it in a message.

    Returns:
        The elements, and the transfer syntax that their pixels are in.

    Raises:
        ImageError: `unsupported`: there is too much of it.
        Exception: What pydicom raises on damage.
    """
    try:
        return _parse(data, subject)
    except _TooManyReadsError as error:
        raise ImageError(
            "unsupported", subject, "has more elements than any image", "Leave it out"
        ) from error


def was_a_picture(elements: Dataset) -> bool:
    """Tell a picture that was cut off before its size from what never was one.

    Args:
        elements: What `parse` returned, in the order of the file.
    """
    if not len(elements):  # an element without an end took the others with it
        return True
    last = elements.get_item(list(elements.keys())[-1])
    cut = isinstance(last, RawDataElement) and len(last.value or b"") < last.length < 0xFFFFFFFF
    return cut or "Image Storage" in uid.UID(elements.get("SOPClassUID") or "").name


def _parse(data: bytes, subject: str) -> tuple[Dataset, uid.UID]:
    file = _Counted(data)
    file.seek(132 if data[128:132] == b"DICM" else 0)
    meta = data_element_generator(file, False, True, lambda tag, _vr, _length: tag >> 16 != 2)
    told = {int(element.tag): element.value for element in meta}
    named = told.get(_TRANSFER_SYNTAX)
    syntax = uid.UID(named.decode("ascii", "replace").strip(" \0")) if isinstance(named, bytes) else None
    if syntax == uid.DeflatedExplicitVRLittleEndian:
        file = _Counted(_inflate(data[file.tell() :], subject))
        syntax = uid.ExplicitVRLittleEndian
    if syntax is None:
        syntax = _guess_syntax(data[file.tell() : file.tell() + 6])
    implicit = syntax == uid.ImplicitVRLittleEndian
    elements = read_dataset(file, implicit, syntax != uid.ExplicitVRBigEndian)
    return elements, syntax


class _TooManyReadsError(Exception):
    """The file has far more elements than an image needs."""


class _Counted(io.BytesIO):
    """Bytes that refuse to be read in too many small pieces: each element of a file is one or more."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            raise _TooManyReadsError
        return super().read(size)


def _guess_syntax(start: bytes) -> uid.UID:
    """Tell the encoding of a file that does not say it, by its first element."""
    group, _, representation = unpack_from("<HH2s", start.ljust(6, b"\0"))
    if representation.decode("latin-1") not in converters:
        return uid.ImplicitVRLittleEndian
    # Big endian 0x0008 read as little endian is 0x0800.
    return uid.ExplicitVRBigEndian if group >= 0x0100 else uid.ExplicitVRLittleEndian


def _inflate(data: bytes, subject: str) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = unpacker.decompress(data, MAX_INFLATED_BYTES)
    if unpacker.unconsumed_tail:
        raise ImageError("unsupported", subject, "unpacks to far more than its size allows", "Leave it out")
    return inflated
