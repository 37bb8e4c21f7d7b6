"""One file in, its facts out, whatever the file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanops.data.defects import judge
from scanops.data.scan import Bounds, Facts, hash_pixels, lost, scan_file
from scanops.validation_rules import Validation
from tests.pictures import encode, noise, save

RULES = Validation()
BOUNDS = Bounds(RULES.max_pixels, RULES.max_frames)


def _scan(tmp_path: Path, name: str, data: bytes) -> Facts:
    save(tmp_path / name, data)
    (facts,) = scan_file(tmp_path, name, BOUNDS)
    return facts


def test_sound_file_has_no_defect(tmp_path: Path) -> None:
    """An ordinary scan gets every fact and no defect."""
    facts = _scan(tmp_path, "a.png", encode(noise(1), mode="L"))
    assert judge(facts, RULES) == []
    assert (facts.format, facts.mode, facts.width, facts.height) == ("PNG", "L", 96, 80)
    levels = noise(1)[..., 0]
    assert (facts.mean, facts.std) == pytest.approx((levels.mean(), levels.std()), abs=0.01)
    frame = np.concatenate(
        [levels[:2].ravel(), levels[-2:].ravel(), levels[2:-2, :3].ravel(), levels[2:-2, -3:].ravel()]
    )
    assert facts.border == pytest.approx(frame.mean(), abs=0.01)
    assert facts.spread == 0


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
    facts = _scan(tmp_path, name, data)
    (defect,) = judge(facts, RULES)
    assert defect.kind == kind
    assert defect.note
    assert "Jane" not in repr(facts)


def test_missing_file_is_a_row(tmp_path: Path) -> None:
    """A file that disappears during the scan is told as such, and the scan goes on."""
    (facts,) = scan_file(tmp_path, "gone.png", BOUNDS)
    assert facts.fault == "undecodable"


def test_a_killer_is_a_row() -> None:
    """A file that ended its worker is told as such."""
    (facts,) = lost("a.png")
    assert judge(facts, RULES)[0].note == "ended the process that decoded it"


def test_same_pixels_in_another_file_have_the_same_hash(tmp_path: Path) -> None:
    """Format, mode and compression do not change the hash of the pixels; one level of one pixel does."""
    found = [
        _scan(tmp_path, "a.png", encode(noise(4))),
        _scan(tmp_path, "b.bmp", encode(noise(4), "BMP")),
        _scan(tmp_path, "c.png", encode(noise(4), mode="L", optimize=True)),
    ]
    assert len({facts.pixel_sha256 for facts in found}) == 1
    assert len({facts.sha256 for facts in found}) == 3
    changed = noise(4)[..., 0]
    changed[0, 0] ^= 1
    assert hash_pixels(Image.fromarray(changed)) != found[0].pixel_sha256


def test_shape_is_part_of_the_hash() -> None:
    """The same bytes in another shape are another picture, and grey is not colour."""
    flat = np.arange(12, dtype=np.uint8)
    pictures = [flat.reshape(3, 4), flat.reshape(4, 3), flat.reshape(2, 2, 3)]
    assert len({hash_pixels(Image.fromarray(picture)) for picture in pictures}) == 3


@pytest.mark.parametrize("size", [(1, 1), (3, 17), (16, 16), (255, 257), (250, 200)])
def test_mean_and_deviation_are_exact(tmp_path: Path, size: tuple[int, int]) -> None:
    """Both are those of all levels of a picture that is not shrunk, to the last of the four decimals."""
    levels = noise(7, *size)
    facts = _scan(tmp_path, "a.png", encode(levels, mode="L"))
    expected = (levels[..., 0].mean(dtype=np.float64), levels[..., 0].std(dtype=np.float64))
    assert (facts.mean, facts.std) == tuple(round(float(value), 4) for value in expected)
