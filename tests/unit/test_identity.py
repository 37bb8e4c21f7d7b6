"""Who and where an ordinary picture names, and how it lies."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image, PngImagePlugin

from scanops import identity, imaging
from tests.pictures import encode, noise

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description %s/></x:xmpmeta>'


def saved(image_format: str, **options: object) -> bytes:
    """Save a picture with metadata."""
    buffer = io.BytesIO()
    Image.fromarray(noise(1)).save(buffer, image_format, **options)
    return buffer.getvalue()


def exif_of(tags: dict[int, object]) -> Image.Exif:
    """Make an EXIF block."""
    exif = Image.Exif()
    exif.update(tags)
    return exif


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("tag", "name"), [item for item in identity.EXIF_TAGS.items() if item[1] != "GPSInfo"]
)
def test_exif_names_are_found(image_format: str, tag: int, name: str) -> None:
    """Each tag is found in each format that holds EXIF, by its name alone."""
    decoded = imaging.decode(saved(image_format, exif=exif_of({tag: "Jane Roe"})))
    assert decoded.identifying == (name,)
    assert "Jane" not in repr(decoded)


def test_copyright_often_names_a_person() -> None:
    """It is reported wherever a format has a field for it."""
    assert imaging.decode(saved("JPEG", exif=exif_of({0x8298: "Jane Roe"}))).identifying == ("Copyright",)
    info = PngImagePlugin.PngInfo()
    info.add_text("Copyright", "Jane Roe")
    assert imaging.decode(saved("PNG", pnginfo=info)).identifying == ("Copyright",)
    rights = XMP % b'dc:rights="Jane Roe"'
    assert imaging.decode(saved("JPEG", xmp=rights)).identifying == ("XMP dc:rights",)


@pytest.mark.parametrize("value", ["", "    ", "\0\0"])
@pytest.mark.parametrize("tag", [0x013B, 0x8298])
def test_fields_that_a_camera_left_empty_name_nobody(tag: int, value: str) -> None:
    """An unknown artist or copyright is written as spaces or zeros."""
    assert imaging.decode(saved("JPEG", exif=exif_of({tag: value}))).identifying == ()


def test_descriptions_and_comments_are_left_alone() -> None:
    """They are mostly banners of the software or the camera, and not looked into."""
    described = exif_of({0x010E: "OLYMPUS DIGITAL CAMERA", 0x9286: b"ASCII\0\0\0none"})
    assert imaging.decode(saved("JPEG", exif=described, comment="CREATOR: gd-jpeg")).identifying == ()


def test_place_is_found() -> None:
    """Coordinates are a place."""
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    assert imaging.decode(saved("JPEG", exif=exif)).identifying == ("GPSInfo",)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF"])
def test_plain_pictures_name_nobody(image_format: str) -> None:
    """Without metadata nothing is reported, and nothing is looked for."""
    assert imaging.decode(saved(image_format)).identifying == ()


@pytest.mark.parametrize("key", ["Author", "patient", "PatientName"])
def test_texts_of_png_are_found(key: str) -> None:
    """Text fields that name somebody are reported, also when they come behind the pixels."""
    info = PngImagePlugin.PngInfo()
    info.add_text(key, "Jane Roe", zip=True)
    assert imaging.decode(saved("PNG", pnginfo=info)).identifying == (key,)
    late = PngImagePlugin.PngInfo()
    late.add(b"tEXt", key.encode() + b"\0Jane Roe", after_idat=True)
    assert imaging.decode(saved("PNG", pnginfo=late)).identifying == (key,)


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP"])
def test_xmp_is_looked_into(image_format: str) -> None:
    """Creator, place and persons in the picture are found in XMP, other properties are not reported."""
    named = XMP % b'dc:creator="Roe" exif:GPSLatitude="1" Iptc4xmpExt:PersonInImage="Roe" tiff:Model="X"'
    found = imaging.decode(saved(image_format, xmp=named)).identifying
    assert found == ("XMP Iptc4xmpExt:PersonInImage", "XMP dc:creator", "XMP exif:GPSLatitude")
    assert imaging.decode(saved(image_format, xmp=XMP % b'tiff:Model="X"')).identifying == ()


def test_iptc_is_looked_into() -> None:
    """A by-line, a city and a copyright in Photoshop's block are found."""
    records = b"".join(struct.pack(">BBBH", 0x1C, 2, n, 3) + b"Roe" for n in (80, 90, 105, 116))
    block = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(records)) + records + b"\0" * (len(records) % 2)
    content = b"Photoshop 3.0\0" + block
    data = encode(noise(2), "JPEG")
    segment = b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
    assert imaging.decode(data[:2] + segment + data[2:]).identifying == (
        "IPTC By-line",
        "IPTC City",
        "IPTC CopyrightNotice",
    )


def test_orientation() -> None:
    """It is read from EXIF and from XMP; what EXIF does not define lies as it is."""

    def lies(**options: object) -> int:
        with Image.open(io.BytesIO(saved("JPEG", **options))) as image:
            image.load()
            return identity.orientation(image)

    assert lies() == 1
    assert lies(exif=exif_of({0x0112: 6})) == 6
    assert lies(exif=exif_of({0x0112: 9})) == 1
    assert lies(xmp=XMP % b'tiff:Orientation="3"') == 3
