"""Only regular files of a sane size are read; whatever else is there is told and not opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scanops import plain_files
from scanops.errors import ImageError


def test_a_file_is_read(tmp_path: Path) -> None:
    """All its bytes, none for an empty one."""
    (tmp_path / "a").write_bytes(b"abc" * 1000)
    (tmp_path / "b").touch()
    assert plain_files.read(tmp_path / "a") == b"abc" * 1000
    assert plain_files.read(tmp_path / "b") == b""


@pytest.mark.parametrize("kind", ["link", "folder", "named pipe", "device"])
def test_other_things_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Each is told by its kind, as `unsupported`, without a call that opens it."""
    path = tmp_path / "it"
    if kind == "link":
        (tmp_path / "target").write_bytes(b"secret")
        path.symlink_to("target")
    elif kind == "folder":
        path.mkdir()
    elif kind == "named pipe":
        os.mkfifo(path)
    else:
        path = Path("/dev/null")

    def refuse(*_: object) -> int:
        raise AssertionError("it was opened")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ImageError, match=f"is a {kind}") as caught:
        plain_files.read(path)
    assert caught.value.kind == "unsupported"


def test_a_link_that_comes_in_between_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is swapped for a link after it was looked at is an error, and the target stays unread."""
    (tmp_path / "target").write_bytes(b"secret")
    path = tmp_path / "it"
    path.symlink_to("target")
    monkeypatch.setattr(os, "lstat", os.stat)  # as if it had been the target itself by then
    with pytest.raises(OSError, match="symbolic links"):
        plain_files.read(path)


def test_a_pipe_that_comes_in_between_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening does not wait for a writer, and what was opened is looked at again."""
    regular = os.lstat(__file__)
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(os, "lstat", lambda _: regular)
    with pytest.raises(ImageError, match="is a named pipe"):
        plain_files.read(tmp_path / "pipe")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    """A sparse file of three terabytes is told by its size."""
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 3 << 40)
    with pytest.raises(ImageError, match="holds 3,298,534,883,328 bytes, more than 2,147,483,648"):
        plain_files.read(tmp_path / "sparse")


def test_the_bound_is_the_last_size_that_passes(tmp_path: Path) -> None:
    """As large as allowed is allowed."""
    (tmp_path / "a").write_bytes(bytes(10))
    assert len(plain_files.read(tmp_path / "a", max_bytes=10)) == 10
    with pytest.raises(ImageError, match="more than 9"):
        plain_files.read(tmp_path / "a", max_bytes=9)
