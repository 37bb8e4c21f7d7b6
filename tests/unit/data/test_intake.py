"""The door for foreign files: names, counts and bytes are judged as they come."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

from scanops.data.intake import JUNK, MAX_NAME_BYTES, MAX_PATH_BYTES, Bounds, Intake, safe_path
from scanops.errors import VerdictError
from tests.pictures import encode, noise, save


def intake(
    root: Path,
    max_files: int = 10,
    max_bytes: int = 1000,
    dense_bytes: int | None = None,
    strip_metadata: bool = False,
) -> Intake:
    """Open the door to a folder."""
    bounds = Bounds(max_files, max_bytes, dense_bytes)
    return Intake(root, "origin", bounds, tqdm(file=io.StringIO()), strip_metadata=strip_metadata)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b.png", "a/b.png"),
        ("./a//b.png", "a/b.png"),
        ("a/", "a"),
        ("a..b/...png", "a..b/...png"),
        ("Tumör (1)/снимок.png", "Tumör (1)/снимок.png"),
        ("x" * MAX_NAME_BYTES, "x" * MAX_NAME_BYTES),
        (".", "."),
    ],
)
def test_plain_names_pass(name: str, path: str) -> None:
    """Whatever a scan may honestly be called is taken, in any script, up to what disks hold."""
    assert safe_path(name, "origin") == PurePosixPath(path)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("/a", "absolute"),
        ("//a", "absolute"),
        ("..", "climbs"),
        ("a/../b", "climbs"),
        ("a\\b", "backslash"),
        ("c:a", "drive"),
        ("a/Z:/b", "drive"),
        ("a\0b", "control"),
        ("a\rb", "control"),
        ("a\udcffb", "UTF-8"),
        ("x" * (MAX_NAME_BYTES + 1), "over 255"),
        ("é" * (MAX_NAME_BYTES // 2 + 1), "over 255"),
        ("a/" * (MAX_PATH_BYTES // 2) + "b", "path over"),
    ],
)
def test_unsafe_names_are_refused(name: str, fault: str) -> None:
    """Each fault has its own words, and the message names the origin."""
    with pytest.raises(VerdictError, match=f"^origin: holds .*{fault}"):
        safe_path(name, "origin")


@given(st.text(max_size=30))
def test_a_safe_path_never_leaves_its_folder(name: str) -> None:
    """For any name: a relative path without climbing, or the verdict."""
    shown = ""
    try:
        path = safe_path(name, "origin")
    except VerdictError as error:
        path, shown = PurePosixPath(), str(error)
    assert shown.isprintable()
    assert not path.is_absolute()
    assert Path("/base/folder").joinpath(path).is_relative_to("/base/folder")
    assert ".." not in path.parts


@pytest.mark.parametrize("junk", sorted(JUNK))
def test_junk_is_passed_over_but_counted(tmp_path: Path, junk: str) -> None:
    """What desktops leave behind is not written, and is no way round the count."""
    door = intake(tmp_path, max_files=1)
    assert door.admit(f"a/{junk}/x") is None
    with pytest.raises(VerdictError, match="more than 1 entries"):
        door.admit("a/b.png")


def test_a_name_comes_once(tmp_path: Path) -> None:
    """Two spellings of one path are one path."""
    door = intake(tmp_path)
    door.admit("a/b.png")
    with pytest.raises(VerdictError, match="more than once"):
        door.admit("a/./b.png")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A file that is there already, as another case of the name is on some disks, is not touched."""
    (tmp_path / "x.png").write_bytes(b"old")
    with pytest.raises(VerdictError, match="twice"):
        intake(tmp_path).write(PurePosixPath("x.png"), [b"new"])
    assert (tmp_path / "x.png").read_bytes() == b"old"


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Should a link stand at a file's place, nothing goes through it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.png").symlink_to(tmp_path / "out.png")
    with pytest.raises(VerdictError):
        intake(tmp_path / "in").write(PurePosixPath("x.png"), [b"new"])
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("max_bytes", "dense_bytes", "remedy"), [(5, None, "max_bytes"), (1000, 5, "clean copy"), (5, 5, "max")]
)
def test_bytes_are_counted_before_they_are_written(
    tmp_path: Path, max_bytes: int, dense_bytes: int | None, remedy: str
) -> None:
    """An endless stream ends at the bound, with the remedy for the bound that it broke."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b"xx"

    door = intake(tmp_path, max_bytes=max_bytes, dense_bytes=dense_bytes)
    with pytest.raises(VerdictError, match=remedy):
        door.write(PurePosixPath("a/x.png"), endless())
    assert (tmp_path / "a/x.png").stat().st_size <= 5
    assert door.files == 0


def test_the_bound_is_for_all_files_together(tmp_path: Path) -> None:
    """Many small files weigh as much as a large one; exactly the bound is allowed."""
    door = intake(tmp_path, max_bytes=6)
    door.write(PurePosixPath("1.png"), [b"xxx"])
    door.write(PurePosixPath("2.png"), [b"xxx"])
    assert (door.files, door.bytes) == (2, 6)
    with pytest.raises(VerdictError, match="more than 6 bytes"):
        door.write(PurePosixPath("3.png"), [b"x"])


YEAR_2020_S = 1_577_880_000.0


def test_the_time_of_last_change_is_kept(tmp_path: Path) -> None:
    """A second pull gives the same time, by which a scan knows the file again."""
    intake(tmp_path).write(PurePosixPath("x.png"), [b"x"], modified_s=YEAR_2020_S)
    assert (tmp_path / "x.png").stat().st_mtime == YEAR_2020_S


@pytest.mark.parametrize("modified_s", [None, -1.0, 0.0, 315_532_800.0, 4_102_444_801.0, 1e300, float("nan")])
def test_a_time_that_nobody_set_is_not_kept(tmp_path: Path, modified_s: float | None) -> None:
    """Nothing, 1970, the first second of 1980 and a far future give a fresh time, and no error."""
    mark = save(tmp_path / "mark", b"")
    os.utime(mark, (YEAR_2020_S, YEAR_2020_S))
    intake(tmp_path).write(PurePosixPath("x.png"), [b"x"], modified_s=modified_s)
    assert YEAR_2020_S < (tmp_path / "x.png").stat().st_mtime < 4_102_444_800


def test_stripped_files_are_counted_as_they_are_on_the_disk(tmp_path: Path) -> None:
    """What names somebody is left out; other files keep every byte, and no time passes for another's."""
    plain, signed = encode(noise(1), "JPEG"), encode(noise(2), "JPEG", comment=b"Mustermann")
    door = intake(tmp_path, max_bytes=len(plain) + len(signed), strip_metadata=True)
    for name, data in (("1.jpg", plain), ("2.jpg", signed)):
        door.write(PurePosixPath(name), [data], modified_s=YEAR_2020_S)
    assert (tmp_path / "1.jpg").read_bytes() == plain
    assert b"Mustermann" not in (tmp_path / "2.jpg").read_bytes()
    assert (door.files, door.stripped) == (2, 1)
    assert door.bytes == sum((tmp_path / name).stat().st_size for name in ("1.jpg", "2.jpg"))
    assert door.bytes < len(plain) + len(signed)
    assert (tmp_path / "1.jpg").stat().st_mtime == YEAR_2020_S
    assert (tmp_path / "2.jpg").stat().st_mtime > YEAR_2020_S


def test_bounds_are_for_what_comes_not_for_what_is_left(tmp_path: Path) -> None:
    """Metadata that will be left out still count while they come."""
    signed = encode(noise(2), "JPEG", comment=b"x" * 900)
    door = intake(tmp_path, max_bytes=2 * len(signed) - 1, strip_metadata=True)
    door.write(PurePosixPath("1.jpg"), [signed])
    with pytest.raises(VerdictError, match="max_bytes"):
        door.write(PurePosixPath("2.jpg"), [signed])


def test_what_is_too_large_for_an_image_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond what any image takes is written through, without being held in memory."""
    signed = encode(noise(2), "JPEG", comment=b"Mustermann")
    monkeypatch.setattr("scanops.data.intake.MAX_STRIPPED_BYTES", len(signed) - 1)
    door = intake(tmp_path, max_bytes=len(signed), strip_metadata=True)
    door.write(PurePosixPath("1.jpg"), [signed])
    assert (tmp_path / "1.jpg").read_bytes() == signed
    assert door.stripped == 0
