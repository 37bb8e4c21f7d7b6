"""One file in, one row out, whatever the file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanops.config import Validation
from scanops.data.scan import Row, hash_perceptually, hash_pixels, scan, scan_file
from tests.pictures import encode, noise, save

RULES = Validation()


def _scan(tmp_path: Path, name: str, data: bytes) -> Row:
    save(tmp_path / name, data)
    return scan_file(tmp_path, name, RULES)


def test_sound_file_has_no_defect(tmp_path: Path) -> None:
    """An ordinary scan gets every column and no defect."""
    row = _scan(tmp_path, "a.png", encode(noise(1), mode="L"))
    assert row.defects == []
    assert (row.format, row.mode, row.width, row.height) == ("PNG", "L", 96, 80)
    assert row.mean == pytest.approx(noise(1).mean(), abs=0.01)
    assert row.pixel_sha256 == hash_pixels(noise(1))


def _with_artist() -> bytes:
    image = Image.fromarray(noise(2))
    exif = image.getexif()
    exif[0x013B] = "Jane Roe"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.jpg", b"", "undecodable"),
        ("a.jpg", b"<html>", "undecodable"),
        ("a.nii.gz", b"\x1f\x8b whatever", "unsupported"),
        ("a.jpg", encode(noise(3), "JPEG")[:3000], "truncated"),
        ("a.jpg", encode(noise(3), "PNG"), "format_mismatch"),
        ("a", encode(noise(3), "PNG"), "format_mismatch"),
        ("a.png", encode(noise(3, 20, 200)), "too_small"),
        ("a.png", encode(np.full((80, 80, 3), 9, np.uint8)), "blank"),
        ("a.png", encode((noise(3) // 32 + 100).astype(np.uint8)), "low_contrast"),
        ("a.png", encode(noise(3) * np.array([1, 0, 0], np.uint8)), "colour_image"),
        ("a.jpg", _with_artist(), "identifying_metadata"),
    ],
)
def test_planted_defect_is_found(tmp_path: Path, name: str, data: bytes, kind: str) -> None:
    """Each kind that one file shows by itself is found, with a note a person understands."""
    row = _scan(tmp_path, name, data)
    assert row.defects == [kind]
    assert row.notes[0]
    assert "Jane" not in repr(row)


def test_missing_file_is_a_row(tmp_path: Path) -> None:
    """A file that disappears during the scan is told as such, and the scan goes on."""
    assert scan_file(tmp_path, "gone.png", RULES).defects == ["undecodable"]


def test_same_pixels_in_another_file_have_the_same_hash(tmp_path: Path) -> None:
    """Format, mode and compression do not change the hash of the pixels; one level of one pixel does."""
    rows = [
        _scan(tmp_path, "a.png", encode(noise(4))),
        _scan(tmp_path, "b.bmp", encode(noise(4), "BMP")),
        _scan(tmp_path, "c.png", encode(noise(4), mode="L", optimize=True)),
    ]
    assert len({row.pixel_sha256 for row in rows}) == 1
    assert len({row.sha256 for row in rows}) == 3
    changed = noise(4)
    changed[0, 0] ^= 1
    assert hash_pixels(changed) != rows[0].pixel_sha256


def test_perceptual_hash_survives_resizing() -> None:
    """A smaller copy of a smooth picture keeps nearly all bits; another picture does not."""
    smooth = Image.fromarray(noise(5, 8, 8)[..., 0]).resize((400, 400), Image.Resampling.BICUBIC)
    other = Image.fromarray(noise(6, 8, 8)[..., 0]).resize((400, 400), Image.Resampling.BICUBIC)
    first, second, third = (
        int(hash_perceptually(image), 16) for image in (smooth, smooth.resize((150, 150)), other)
    )
    assert (first ^ second).bit_count() <= 4
    assert (first ^ third).bit_count() >= 16


def test_worker_count_changes_nothing(tmp_path: Path) -> None:
    """One process and two give the same rows in the same order."""
    names = [save(tmp_path / f"{i:03}.png", encode(noise(i))).name for i in range(40)]
    assert list(scan(tmp_path, names, RULES, workers=1)) == list(scan(tmp_path, names, RULES, workers=2))
