"""What an image file says about who or where: the names of such fields, never their values."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image, IptcImagePlugin

# EXIF 2.32, and Microsoft's XP tags.
EXIF_TAGS = {
    0x013B: "Artist",
    0x8298: "Copyright",
    0x8825: "GPSInfo",
    0x9C9B: "XPTitle",
    0x9C9C: "XPComment",
    0x9C9D: "XPAuthor",
    0xA430: "CameraOwnerName",
}
TEXTS = ("author", "artist", "copyright", "creator", "name", "owner", "patient", "patientid", "patientname")
# Properties of XMP (ISO 16684-1, and the IPTC Photo Metadata Standard) by their usual prefixes.
XMP_PROPERTY = re.compile(
    rb"\b(dc:creator|dc:rights|exif:GPS\w+|aux:OwnerName|exifEX:CameraOwnerName|photoshop:(?:City|State|Country|Author\w*)"
    rb"|Iptc4xmpCore:(?:Location|CreatorContactInfo)|Iptc4xmpExt:(?:PersonInImage|Location\w+))\b"
)
# IPTC-IIM 4.2, record 2.
IPTC_DATASETS = {
    (2, 80): "By-line",
    (2, 90): "City",
    (2, 92): "Sub-location",
    (2, 95): "Province",
    (2, 101): "Country",
    (2, 116): "CopyrightNotice",
    (2, 118): "Contact",
}
_TURNED_BY = ("exif", "xmp", "Raw profile type exif", "XML:com.adobe.xmp")
_DAMAGE = (OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError, struct.error)


def named_in(image: Image.Image) -> tuple[str, ...]:
    """Name the fields of an image's metadata that may say who or where.

    Args:
        image: An opened image that has been loaded: some formats keep metadata behind the pixels.

    Returns:
        Names, sorted, without values.
    """
    exif = read_exif(image)
    found = {name for tag, name in EXIF_TAGS.items() if _is_filled(exif.get(tag))}
    found |= {key for key in image.info if isinstance(key, str) and _plain(key) in TEXTS}
    found |= _named_in_xmp(image)
    if "photoshop" in image.info or image.format == "TIFF":
        found |= _named_in_iptc(image)
    return tuple(sorted(found))


def _is_filled(value: object) -> bool:
    """Say whether a field holds something: cameras write an unknown name as spaces or zeros."""
    return bool(
        value.strip(b"\0 ")
        if isinstance(value, bytes)
        else value.strip("\0 ")
        if isinstance(value, str)
        else value
    )


def _plain(key: str) -> str:
    """Write a text's keyword as in TEXTS: `Patient_Name` and `Patient Name` are one."""
    return re.sub(r"[\s_-]", "", key).lower()


def orientation(image: Image.Image) -> int:
    """Tell how a picture lies.

    Args:
        image: An opened image that has been loaded.

    Returns:
        EXIF's orientation, 1 to 8; 1 where none is told, or none that is known.
    """
    value = read_exif(image).get(ExifTags.Base.Orientation, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def read_exif(image: Image.Image) -> Mapping[int, Any]:
    """Read both tables of EXIF; damaged metadata is no metadata.

    Args:
        image: An opened image that has been loaded.

    Returns:
        Values by tag.
    """
    # Asking for EXIF that is not there costs more than decoding a small picture.
    if image.format != "TIFF" and not any(key in image.info for key in _TURNED_BY):
        return {}
    try:
        exif = image.getexif()
        return {**exif.get_ifd(ExifTags.IFD.Exif), **exif}
    except _DAMAGE:
        return {}


def _named_in_xmp(image: Image.Image) -> set[str]:
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    text = xmp.encode("utf-8", "replace") if isinstance(xmp, str) else xmp
    return (
        {f"XMP {found.decode()}" for found in XMP_PROPERTY.findall(text)}
        if isinstance(text, bytes)
        else set()
    )


def _named_in_iptc(image: Image.Image) -> set[str]:
    try:
        values = IptcImagePlugin.getiptcinfo(image) if hasattr(image, "tile") else None  # type: ignore[arg-type]
    except _DAMAGE:
        return set()
    return {f"IPTC {name}" for number, name in IPTC_DATASETS.items() if (values or {}).get(number)}
