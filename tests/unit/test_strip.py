"""Stripping: what names a person or a place is gone, every pixel is still there."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from scanops import imaging, strip
from scanops.errors import ImageError
from scanops.imaging import Decoded
from tests.pictures import noise

NAME = b"Mustermann"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>Mustermann</dc:creator></x:xmpmeta>'
ICC = b"a colour profile" * 9
NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


def exif(orientation: int) -> Image.Exif:
    """Say who and where in EXIF."""
    told = Image.Exif()
    told[ExifTags.Base.Artist] = NAME.decode()
    told[ExifTags.Base.Orientation] = orientation
    told.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    told.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.CameraOwnerName] = NAME.decode()
    return told


def saved(image_format: str, **options: object) -> bytes:
    """Encode a picture with metadata."""
    buffer = io.BytesIO()
    Image.fromarray(noise(1)).save(buffer, image_format, **options)
    return buffer.getvalue()


def iptc(value: bytes) -> bytes:
    """Lay out an IPTC by-line as Photoshop's resource 1028."""
    record = struct.pack(">BBBH", 0x1C, 2, 80, len(value)) + value
    record += bytes(len(record) % 2)
    return b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record


def jpeg(orientation: int) -> bytes:
    """Write a JPEG that names a person in each place that has one."""
    data = saved("JPEG", exif=exif(orientation), icc_profile=ICC, comment=NAME, xmp=XMP, progressive=True)
    content = iptc(NAME)
    photoshop = b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
    return data[:2] + photoshop + data[2:] + NAME


def png(orientation: int) -> bytes:
    """Write a PNG that names a person in each place that has one."""
    text = PngInfo()
    text.add_text("Author", NAME.decode())
    text.add_itxt("Patient", NAME.decode(), "de", "Patient")
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    text.add_text("Name", "Mustermann" * 30, zip=True)
    data = saved("PNG", exif=exif(orientation), icc_profile=ICC, pnginfo=text)
    content = b"prVt" + NAME
    private = struct.pack(">I", len(NAME)) + content + struct.pack(">I", zlib.crc32(content))
    return data[:-12] + private + data[-12:] + NAME


def webp(orientation: int) -> bytes:
    """Write a WebP with EXIF and XMP."""
    return saved("WEBP", exif=exif(orientation).tobytes(), icc_profile=ICC, xmp=XMP, lossless=True)


def tiff(orientation: int) -> bytes:
    """Write a TIFF with EXIF, GPS, XMP, IPTC and a description."""
    entries = ImageFileDirectory_v2()
    entries[270], entries[315], entries[700] = NAME.decode(), NAME.decode(), XMP
    entries[33723] = struct.pack(">BBBH", 0x1C, 2, 80, len(NAME)) + NAME
    entries[34853] = {1: "N"}
    entries[34665] = {42032: NAME.decode()}
    entries[274] = orientation
    return saved("TIFF", tiffinfo=entries, icc_profile=ICC)


def pictures() -> dict[str, Callable[[int], bytes]]:
    """Return what writes each format."""
    return {"JPEG": jpeg, "PNG": png, "WEBP": webp, "TIFF": tiff}


def same(before: Decoded, after: Decoded) -> bool:
    """Tell whether two files hold the same picture."""
    return (
        (before.format, before.mode, before.width, before.height)
        == (after.format, after.mode, after.width, after.height)
    ) and np.array_equal(before.pixels, after.pixels)


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("image_format", pictures())
def test_pictures_lose_what_names_and_no_pixel(image_format: str, orientation: int) -> None:
    """EXIF, GPS, XMP, IPTC, texts and what follows the end go; pixels, colours and orientation stay."""
    data = pictures()[image_format](orientation)
    before = imaging.decode(data)
    assert before.identifying != ()
    assert NAME in data
    stripped = strip.strip(data)
    after = imaging.decode(stripped)
    assert after.identifying == ()
    assert NAME not in stripped
    assert same(before, after)
    with Image.open(io.BytesIO(stripped)) as image:
        assert image.info["icc_profile"] == ICC
        assert image.getexif().get(ExifTags.Base.Orientation, 1) == orientation
    assert strip.strip(stripped) == stripped


def test_a_jpeg_s_scans_are_the_same_bytes() -> None:
    """Nothing is encoded again: from the first table on, all is as it was."""
    data = jpeg(1)
    start = data.index(b"\xff\xdb")
    assert strip.strip(data).endswith(data[start : -len(NAME)])


def test_gif_loses_comments_and_foreign_blocks() -> None:
    """A comment, a text and an application's block go, the picture stays."""
    clean = saved("GIF")
    trailer = clean[-1:]
    comment = b"\x21\xfe\x0aMustermann\0"
    text = b"\x21\x01\x0c" + bytes(12) + b"\x0aMustermann\0"
    block = b"\x21\xff\x0bXMP DataXMP" + b"\x0aMustermann\0"
    data = clean[:-1] + comment + text + block + trailer + NAME
    stripped = strip.strip(data)
    assert stripped == strip.strip(clean)
    assert NAME not in stripped
    assert same(imaging.decode(data), imaging.decode(stripped))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_what_says_nothing_stays_as_it_is(image_format: str) -> None:
    """Files without metadata keep every byte, so that copies are still known as copies."""
    data = saved(image_format)
    assert strip.strip(data) == data


@pytest.mark.parametrize("order", ["<", ">"])
def test_values_of_tiff_entries_are_overwritten(order: str) -> None:
    """An entry that is taken out leaves nothing behind, neither within its table nor where it points to."""
    pixels, text = bytes(range(16)), NAME + b"\0"
    entries: list[tuple[int, int, int, int | None]] = [
        (256, 3, 1, 4),
        (257, 3, 1, 4),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
    ]
    entries += [(273, 4, 1, 8), (278, 3, 1, 4), (279, 4, 1, 16), (315, 2, len(text), 24), (305, 2, 3, None)]
    table = struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in sorted(entries, key=lambda entry: entry[0]):
        table += struct.pack(f"{order}HHI", tag, kind, count)
        if value is None:
            table += b"Me\0\0"
        else:
            table += struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value)
    at = 24 + len(text) + len(text) % 2
    magic = b"II*\0" if order == "<" else b"MM\0*"
    body = pixels + text + bytes(len(text) % 2)
    data = magic + struct.pack(f"{order}I", at) + body + table + bytes(4)
    stripped = strip.strip(data)
    assert imaging.decode(data).identifying == ("Artist",)
    assert imaging.decode(stripped).identifying == ()
    assert NAME not in stripped
    assert b"Me\0" not in stripped
    assert len(stripped) == len(data)
    assert same(imaging.decode(data), imaging.decode(stripped))


def test_a_picture_that_stripping_would_alter_is_left() -> None:
    """Where an entry claims the pixels as its value, the file is left as it is, and still reported."""
    data = bytearray(tiff(1))
    order = "<" if data.startswith(b"II") else ">"
    at = struct.unpack_from(f"{order}I", data, 4)[0]
    places = {
        struct.unpack_from(f"{order}H", data, place)[0]: place
        for place in range(at + 2, at + 2 + 12 * struct.unpack_from(f"{order}H", data, at)[0], 12)
    }
    struct.pack_into(
        f"{order}I", data, places[270] + 8, struct.unpack_from(f"{order}I", data, places[273] + 8)[0]
    )
    assert imaging.decode(bytes(data)).identifying != ()
    assert strip.strip(bytes(data)) == bytes(data)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of what is damaged
@pytest.mark.parametrize("image_format", [*pictures(), "DICOM"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.7, 0.95])
def test_what_cannot_be_decoded_is_left(image_format: str, kept: float) -> None:
    """A file that ends early is the same bytes afterwards."""
    data = pictures()[image_format](1) if image_format in pictures() else dicom_of(study())
    cut = data[: int(len(data) * kept)]
    with pytest.raises(ImageError):
        imaging.decode(cut)
    assert strip.strip(cut) == cut


@pytest.mark.parametrize(
    "data", [b"", b"text", b"RIFF\4\0\0\0WAVE", b"GIF89a", b"II*\0", b"\xff\xd8\xff", bytes(200)]
)
def test_what_is_no_picture_is_left(data: bytes) -> None:
    """Files of any other kind, and stumps, keep every byte."""
    assert strip.strip(data) == data


def test_animations_are_left() -> None:
    """What decoding refuses is not altered: it is reported, and kept out of training anyway."""
    buffer = io.BytesIO()
    frames = [Image.fromarray(noise(seed)) for seed in (1, 2)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], comment=NAME)
    assert strip.strip(buffer.getvalue()) == buffer.getvalue()


def test_a_picture_too_large_to_decode_is_stripped_by_its_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pixels' bytes are not touched, and its size is still the one declared."""
    data = jpeg(1)
    monkeypatch.setattr(imaging, "MAX_PIXELS", 10)
    stripped = strip.strip(data)
    monkeypatch.undo()
    assert NAME not in stripped
    assert same(imaging.decode(data), imaging.decode(stripped))


def study(syntax: UID = ExplicitVRLittleEndian) -> FileDataset:
    """Make a DICOM file that names persons and places in many elements, nested and private ones, too."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = syntax, UID("1.2.840.10008.5.1.4.1.1.7")
    meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    meta.SourceApplicationEntityTitle = "KLINIK"
    file = FileDataset("", {}, file_meta=meta, preamble=b"Mustermann".ljust(128, b"\0"))
    file.Rows, file.Columns, file.SamplesPerPixel, file.PhotometricInterpretation = 6, 9, 1, "MONOCHROME2"
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 12, 11, 0
    levels = np.arange(54, dtype=np.uint16) * 70
    stored = levels.astype(">u2") if syntax == ExplicitVRBigEndian else levels
    file.add_new("PixelData", "OW", stored.tobytes())
    file.PatientName, file.PatientID, file.IssuerOfPatientID = "Mustermann^Erika", "4711-Mustermann", "KLINIK"
    file.PatientBirthDate, file.PatientAddress, file.InstitutionName = "19640812", "Heidestr 17", "KLINIK Ost"
    file.ReferringPhysicianName, file.AccessionNumber, file.StudyID = "Mustermann^Dr", "A-4711", "S-4711"
    file.OperatorsName = ["Mustermann^A", "Mustermann^B"]
    file.StudyDescription, file.WindowCenter, file.WindowWidth = "Schädel", 1500, 2000
    inner = Dataset()
    inner.PatientName, inner.PatientID, inner.Modality = "Mustermann^Erika", "4711-Mustermann", "MR"
    inner.add_new(0x00090010, "LO", "MAKER")
    inner.add_new(0x00091001, "LO", "Mustermann")
    outer = Dataset()
    outer.ReferencedSOPSequence = Sequence([inner])
    outer.PersonName = "Mustermann"
    file.SourceImageSequence = Sequence([outer])
    file.add_new(0x00110010, "LO", "MAKER")
    file.add_new(0x00111001, "LO", "Mustermann")
    return file


def dicom_of(file: FileDataset) -> bytes:
    """Write a data set as the bytes of a file."""
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, file, enforce_file_format=file.preamble is not None)
    return buffer.getvalue()


def inflated(data: bytes, syntax: UID) -> bytes:
    """Return a file's bytes as they can be searched."""
    if syntax != DeflatedExplicitVRLittleEndian:
        return data
    start = 132 + 12 + int.from_bytes(data[140:144], "little")
    return data[:start] + zlib.decompress(data[start:], -zlib.MAX_WBITS)


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda syntax: syntax.name)
def test_dicom_loses_what_names_and_no_pixel(syntax: UID) -> None:
    """In every encoding, in nested sequences, private elements, file meta information and the preamble."""
    data = dicom_of(study(syntax))
    before = imaging.decode(data)
    assert {"PatientName", "PatientID", "InstitutionName", "PersonName"} <= set(before.identifying)
    stripped = strip.strip(data)
    after = imaging.decode(stripped)
    assert after.identifying == ()
    assert same(before, after)
    for name in (NAME, b"KLINIK", b"4711", b"19640812", b"Heidestr"):
        assert name in inflated(data, syntax)
        assert name not in inflated(stripped, syntax)
    file = pydicom.dcmread(io.BytesIO(stripped))
    assert file.file_meta.TransferSyntaxUID == syntax
    assert file.PixelData == study(syntax).PixelData
    assert (file.PatientIdentityRemoved, file.PatientName) == ("YES", "")
    assert "ScanOps" in file.DeidentificationMethod
    assert file.StudyDescription == "Schädel"
    assert file.SourceImageSequence[0].ReferencedSOPSequence[0].Modality == "MR"
    assert not [tag for tag in file.keys() if tag.is_private]  # noqa: SIM118 -- iterating gives elements


def test_patients_are_still_told_apart() -> None:
    """The pseudonym is the one that the file gave before, the same for each file of a patient."""
    data = dicom_of(study())
    stripped = strip.strip(data)
    before, after = imaging.decode(data).patient, imaging.decode(stripped).patient
    assert before == after == pydicom.dcmread(io.BytesIO(stripped)).PatientID
    assert before == hashlib.sha256(b"KLINIK\x004711-Mustermann").hexdigest()[:16]
    other = study()
    other.PatientID = "4712-Mustermann"
    assert imaging.decode(strip.strip(dicom_of(other))).patient != before


def test_a_stripped_dicom_file_stays_as_it_is() -> None:
    """Stripping twice is stripping once."""
    stripped = strip.strip(dicom_of(study()))
    assert strip.strip(stripped) == stripped


def test_a_number_that_looks_like_a_pseudonym_is_replaced() -> None:
    """Sixteen hex digits from a hospital are a number like any other, whatever else the file claims."""
    file = study()
    file.PatientID, file.PatientIdentityRemoved = "0123456789abcdef", "YES"
    stripped = strip.strip(dicom_of(file))
    assert b"0123456789abcdef" not in stripped
    assert imaging.decode(stripped).patient == imaging.decode(dicom_of(file)).patient


def test_earlier_methods_are_kept() -> None:
    """A file that was worked on before says both, ours once."""
    file = study()
    file.DeidentificationMethod = "another"
    methods = pydicom.dcmread(io.BytesIO(strip.strip(dicom_of(file)))).DeidentificationMethod
    assert list(methods) == ["another", strip_method()]


def strip_method() -> str:
    """Return what a stripped file says of the method."""
    from scanops import strip_elements  # noqa: PLC0415

    return strip_elements.METHOD


def test_an_issuer_without_a_number_goes() -> None:
    """It names a place, and no pseudonym takes its place."""
    file = study()
    del file.PatientID
    stripped = pydicom.dcmread(io.BytesIO(strip.strip(dicom_of(file))))
    assert "IssuerOfPatientID" not in stripped
    assert "PatientID" not in stripped


def test_dicom_without_a_preamble_is_stripped() -> None:
    """Old files have none; they get none."""
    file = study(ImplicitVRLittleEndian)
    file.preamble, file.file_meta = None, FileMetaDataset()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, file, implicit_vr=True, little_endian=True)
    stripped = strip.strip(buffer.getvalue())
    assert NAME not in stripped
    assert stripped[128:132] != b"DICM"
    assert same(imaging.decode(buffer.getvalue()), imaging.decode(stripped))


@pytest.mark.parametrize(
    "name",
    [
        "JPEG2000.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "MR_small_RLE.dcm",
        "CT_small.dcm",
        "examples_palette.dcm",
        "MR_small_jpeg_ls_lossless.dcm",  # where no decoder for it is installed, too
    ],
)
def test_pixels_of_every_encoding_are_the_same_bytes(name: str) -> None:
    """Compressed pixels are copied, not decoded; frames stay frames."""
    path = get_testdata_file(name, download=False)
    assert path is not None
    with open(str(path), "rb") as opened:  # noqa: PTH123 -- pydicom gives a string
        data = opened.read()
    stripped = strip.strip(data)
    assert stripped != data
    before, after = (pydicom.dcmread(io.BytesIO(each)) for each in (data, stripped))
    assert before.PixelData == after.PixelData
    assert before.file_meta.TransferSyntaxUID == after.file_meta.TransferSyntaxUID
    from scanops import dicom  # noqa: PLC0415

    assert dicom.read(stripped, "file", None).identifying == ()


def attempt(data: bytes) -> Decoded | str:
    """Decode a file, or say why that cannot be."""
    try:
        return imaging.decode(data)
    except ImageError as error:
        return error.kind


SAMPLES = {
    **{name: write(6) for name, write in pictures().items()},
    "GIF": saved("GIF", comment=NAME),
    "DICOM": dicom_of(study()),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of what is damaged
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_ends_in_an_error(data: st.DataObject) -> None:
    """Whatever is wrong with a file: bytes come back, and what decodes is still the same picture."""
    sample = bytearray(SAMPLES[data.draw(st.sampled_from(sorted(SAMPLES)))])
    for _ in range(data.draw(st.integers(1, 6))):
        sample[data.draw(st.integers(0, min(len(sample), 700) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(sample[: data.draw(st.integers(1, len(sample)))])
    stripped = strip.strip(damaged)
    if stripped == damaged:
        return
    before, after = attempt(damaged), attempt(stripped)
    if isinstance(before, Decoded) and isinstance(after, Decoded):
        assert same(before, after)
    else:  # too large, or encoded in a way that cannot be decoded here
        assert before == after == "unsupported"
