"""The same picture without what names a person or a place: metadata are cut out, pixels stay as they are."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import numpy as np
from PIL import Image

from scanops import identity, imaging, pictures
from scanops.errors import ImageError
from scanops.strip_chunks import without_chunks, without_riff_chunks
from scanops.strip_entries import without_entries
from scanops.strip_segments import without_blocks, without_segments

# A file's first bytes, and what cuts its metadata. BMP has no place for any.
_CUTS: tuple[tuple[bytes, Callable[[bytes, int], bytes]], ...] = (
    (b"\xff\xd8\xff", without_segments),
    (b"\x89PNG\r\n\x1a\n", without_chunks),
    (b"RIFF", without_riff_chunks),
    (b"GIF8", without_blocks),
    (b"II*\0", without_entries),
    (b"MM\0*", without_entries),
)


def strip(data: bytes) -> bytes:
    """Leave out what a file says beside its picture.

    JPEG, PNG, WebP, GIF and TIFF lose all metadata but colour profiles and the orientation; nothing is
    encoded again. DICOM loses the elements that `dicom_identity` lists, names of persons and private
    elements; its PatientID becomes a pseudonym, so that images of one patient are still known to belong
    together. Text that is drawn into the pixels stays.

    Args:
        data: The bytes of a file.

    Returns:
        A file of the same picture in the same format; the bytes that came where there is nothing to leave
        out, where no picture can be read, and where leaving out would alter the picture.
    """
    if imaging.is_dicom(data):
        # Pydicom takes half a second to load, and most sets hold no DICOM.
        from scanops import strip_elements  # noqa: PLC0415

        return strip_elements.without_elements(data)
    cut = next((cut for start, cut in _CUTS if data.startswith(start)), None)
    if cut is None:
        return data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of damage that validation reports
        try:
            stripped = cut(data, _orientation(data))
        except ValueError:  # not laid out as its format is
            return data
        return stripped if stripped == data or _is_same_picture(data, stripped) else data


def _orientation(data: bytes) -> int:
    try:
        with Image.open(io.BytesIO(data), formats=pictures.FORMATS) as image:
            if image.format == "PNG" and image.width * image.height <= imaging.MAX_PIXELS:
                image.load()  # PNG may keep metadata behind the pixels
            return identity.orientation(image)
    except Exception:  # Pillow's parsers raise many kinds; a picture that cannot be read is left as it is
        return 1


def _is_same_picture(before: bytes, after: bytes) -> bool:
    pixels = imaging.count_pixels(before)
    if pixels > imaging.MAX_PIXELS:  # too large to decode here; no pixel's byte was touched
        return imaging.count_pixels(after) == pixels
    try:
        old, new = imaging.decode(before), imaging.decode(after)
    except ImageError:
        return False
    same_header = (old.format, old.mode, old.picture.size) == (new.format, new.mode, new.picture.size)
    return same_header and np.array_equal(np.asarray(old.picture), np.asarray(new.picture))
