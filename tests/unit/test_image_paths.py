"""What a path says: a format, and a frame."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanops import imaging
from tests.pictures import save


@pytest.mark.parametrize(
    ("path", "image_format", "right"),
    [
        ("a/x.JPG", "JPEG", True),
        ("a/x.jpg", "PNG", False),
        ("a/x", "PNG", False),
        ("a/x.dat", "JPEG", False),
        ("a/x.dcm", "DICOM", True),
        ("a/x.dicom", "DICOM", True),
        ("a/x", "DICOM", True),
        ("a/1.2.840.10008.5", "DICOM", True),
        ("a/IM0001.ima", "DICOM", True),
        ("a/x.png", "DICOM", False),
        ("a/x.dcm", "PNG", False),
    ],
)
def test_names(path: str, image_format: str, right: bool) -> None:
    """A suffix must say what the bytes are; DICOM goes by any name that claims nothing else."""
    assert imaging.named_rightly(path, image_format) is right


@given(st.text(min_size=1).filter(lambda name: "/frame-" not in name), st.integers(0, 10**6))
def test_a_frame_leads_back_to_its_file(path: str, number: int) -> None:
    """Whatever a file is called, its frames' paths name it; a whole file's path is its own."""
    assert imaging.file_path(imaging.frame_path(path, number)) == path
    assert imaging.file_path(path) == path


def test_locate(tmp_path: Path) -> None:
    """A frame's number is read from the path; names that need an escape lead to their file."""
    assert imaging.locate(tmp_path, "a/x.dcm/frame-0012") == (tmp_path / "a/x.dcm", 12)
    assert imaging.locate(tmp_path, "a/x.dcm/frame-12345") == (tmp_path / "a/x.dcm", 12345)
    assert imaging.locate(tmp_path, "a/x.dcm") == (tmp_path / "a/x.dcm", None)
    assert imaging.locate(tmp_path, "a/x.dcm/frame-12") == (tmp_path / "a/x.dcm/frame-12", None)
    assert imaging.locate(tmp_path, r"a/\xff.dcm/frame-0000") == (tmp_path / "a/\udcff.dcm", 0)


def test_a_file_may_be_called_like_a_frame(tmp_path: Path) -> None:
    """A file of that name is that file: nothing can lie below another file."""
    save(tmp_path / "yes/frame-0007", b"x")
    assert imaging.locate(tmp_path, "yes/frame-0007") == (tmp_path / "yes/frame-0007", None)
    assert imaging.file_path("yes/frame-0007", {"yes/frame-0007"}) == "yes/frame-0007"
