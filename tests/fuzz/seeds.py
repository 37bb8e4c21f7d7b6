"""Where a search for bad images begins: the files of the tests, one of each kind."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import features

from tests import dicom_files, hostile_pictures
from tests.pictures import encode, noise

MOST_BYTES = 64 * 1024
_LEVELS = np.arange(48 * 40, dtype=np.uint16).reshape(48, 40)


def seeds() -> dict[str, bytes]:
    """Make the files by name; none is larger than the search goes."""
    small = noise(1, 24, 20)
    made = {f"{mode} {kind}": encode(small, kind, mode) for kind, mode in _kinds()}
    made |= {
        "interlaced": encode(small, "PNG", interlace=True),
        "progressive": encode(small, "JPEG", progressive=True),
        "sixteen bits": hostile_pictures.sixteen_bits(),
        "printing colours": hostile_pictures.cmyk(),
        "transparent palette": hostile_pictures.transparent_palette(),
        "on its side": hostile_pictures.lying_on_its_side(),
        "lost palette": hostile_pictures.lost_palette(),
        "huge": hostile_pictures.huge(),
        "bomb": hostile_pictures.bomb(),
        "frames": hostile_pictures.animated("GIF", 3),
        "half a JPEG": encode(noise(10), "JPEG")[:3000],
        "DICOM": dicom_files.encode(_LEVELS, WindowCenter=900, WindowWidth=800),
        "DICOM in colours": dicom_files.encode(small),
        "DICOM, signed": dicom_files.encode(_LEVELS.astype(np.int16), RescaleSlope="2"),
        "DICOM of frames": dicom_files.encode(np.zeros((3, 8, 8), np.uint8)),
        "DICOM, half": dicom_files.encode(_LEVELS)[:1500],
    }
    # Those of pydicom: compressed, palettes, sequences, without a preamble.
    for path in sorted(dicom_files.BUNDLED.glob("*.dcm")):
        made[f"pydicom {path.stem}"] = path.read_bytes()
    return {name: data for name, data in made.items() if len(data) <= MOST_BYTES}


def _kinds() -> list[tuple[str, str]]:
    kinds = [(kind, mode) for kind in ("PNG", "BMP", "TIFF", "GIF") for mode in ("L", "RGB", "P", "1")]
    kinds += [("JPEG", "L"), ("JPEG", "RGB"), ("TIFF", "CMYK"), ("TIFF", "F"), ("PNG", "RGBA"), ("PNG", "LA")]
    return kinds + ([("WEBP", "RGB"), ("WEBP", "RGBA")] if features.check("webp") else [])


def main() -> None:
    """Write the files into a folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds().values()):
        (folder / f"seed-{number:03}").write_bytes(data)


if __name__ == "__main__":
    main()
