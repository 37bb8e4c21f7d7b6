"""DICOM's elements: those that name a person or a place are emptied or left out, the patient is renumbered.

Standards: DICOM PS3.15 annex E, the Basic Application Level Confidentiality Profile, as far as
`dicom_identity` lists it; PS3.3 section C.7.1.1 for what the file then says of it.
"""

from __future__ import annotations

import io
import sys

import pydicom
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import BaseTag, Tag

from scanops import dicom, dicom_identity
from scanops.errors import ImageError

METHOD = "ScanOps: names, addresses, numbers, private elements"
_EMPTIED = {Tag(name) for name in dicom_identity.EMPTIED}
_REMOVED = {
    *map(Tag, dicom_identity.REMOVED),
    Tag("IssuerOfPatientIDQualifiersSequence"),  # of the number that is replaced
    Tag("DigitalSignaturesSequence"),  # names who signed, and holds no longer
}
# File meta information (PS3.10 section 7.1): which machines sent and received it, and private information.
_META_REMOVED = {Tag(2, element) for element in (0x16, 0x17, 0x18, 0x26, 0x27, 0x28, 0x100, 0x102)}
_PREAMBLE = bytes(128)
_PATIENT = {dicom_identity.PATIENT_ID, dicom_identity.ISSUER}
_PICTURE = [
    Tag(name)
    for name in (
        *("PixelData", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PlanarConfiguration"),
        *("PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
        *("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "VOILUTFunction"),
    )
]
_MAX_DEPTH = 16


class _TooMuchError(Exception):
    """Sequences so deep or so large that nobody looks into all of them."""


def without_elements(data: bytes) -> bytes:
    """Leave out what names a person or a place; pixels and their encoding stay as they are.

    Args:
        data: A DICOM file.

    Returns:
        The file without; the bytes that came where there is nothing to leave out, and where the file cannot
        be read or written.
    """
    try:
        before = _read(data)
    except ImageError:  # validation tells what is wrong with it
        return data
    try:
        file = pydicom.dcmread(io.BytesIO(data), force=True)
        if not any([_clear(file, 0), _clear_meta(file), _replace_number(file, before.patient)]):
            return data
        _declare(file)
        stripped = _write(file)
        return stripped if _picture(data) == _picture(stripped) else data
    except Exception:  # pydicom raises nearly every kind on damage; validation reports what is left as it was
        return data


def _read(data: bytes) -> dicom.File:
    try:
        return dicom.read(data, "file", sys.maxsize)
    except ImageError as error:
        if error.kind != "unsupported":
            raise
    return dicom.read(data, "file", None)  # pixels that cannot be decoded here are no reason to leave names


def _clear(data: Dataset, depth: int) -> bool:
    """Clear a data set and the sequences in it, and tell whether anything changed."""
    if depth > _MAX_DEPTH:
        raise _TooMuchError
    changed = False
    for tag in list(data.keys()):
        element = data.get_item(tag)
        if element is None:
            continue
        representation = _representation(tag, element)
        if tag.is_private or tag in _REMOVED or (depth and tag in _PATIENT):
            del data[tag]
            changed = True
        elif tag in _EMPTIED or representation == "PN":
            if element.value:
                data[tag] = DataElement(tag, representation, "")
                changed = True
        elif representation == "SQ" and element.value:
            if isinstance(element.value, bytes) and len(element.value) > dicom_identity.MAX_SEQUENCE_BYTES:
                raise _TooMuchError
            for item in data[tag].value:
                changed |= _clear(item, depth + 1)
    return changed


def _representation(tag: BaseTag, element: DataElement | RawDataElement) -> str:
    """Tell an element's value representation; files in implicit encoding leave it to the dictionary."""
    if element.VR not in (None, "UN"):
        return str(element.VR)
    return dictionary_VR(tag) if dictionary_has_tag(tag) else "UN"


def _clear_meta(file: FileDataset) -> bool:
    found = [tag for tag in file.file_meta if tag.tag in _META_REMOVED]
    for element in found:
        del file.file_meta[element.tag]
    # The preamble is for whatever a program wants to put there.
    foreign = bool(file.preamble) and file.preamble != _PREAMBLE
    if foreign:
        file.preamble = _PREAMBLE
    return bool(found) or foreign


def _replace_number(file: FileDataset, patient: str | None) -> bool:
    """Put the pseudonym in the place of the patient's number."""
    if patient is None:  # an issuer without a number still names a place
        return file.pop(dicom_identity.ISSUER, None) is not None
    named = (patient, dicom_identity.OURS)
    changed = (file.get("PatientID"), file.get("IssuerOfPatientID")) != named
    file.PatientID, file.IssuerOfPatientID = named
    return changed


def _declare(file: FileDataset) -> None:
    file.PatientIdentityRemoved = "YES"
    told = file.get("DeidentificationMethod") or []
    methods = [told] if isinstance(told, str) else list(told)
    file.DeidentificationMethod = methods if METHOD in methods else [*methods, METHOD]


def _write(file: FileDataset) -> bytes:
    buffer = io.BytesIO()
    implicit, little = file.original_encoding
    pydicom.dcmwrite(buffer, file, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
    return buffer.getvalue()


def _picture(data: bytes) -> list[object]:
    """Return what decides how a file's pixels look, as it is stored."""
    file = pydicom.dcmread(io.BytesIO(data), force=True)
    values: list[object] = [file.file_meta.get("TransferSyntaxUID")]
    for tag in _PICTURE:
        element = file.get_item(tag) if tag in file else None
        value = None if element is None else element.value
        # A value of odd length gets the byte that the standard asks for.
        values.append(value + bytes(len(value) % 2) if isinstance(value, bytes) else value)
    return values
