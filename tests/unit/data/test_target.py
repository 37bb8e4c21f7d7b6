"""A folder is used as it is; an archive is unpacked where nobody else looks, and removed again."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from scanops.data.target import open_folder
from scanops.errors import ConfigError, ScanopsError, VerdictError


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder in which temporary ones are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Give a folder of two files."""
    for name in ("yes", "no"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        (tmp_path / "scans" / name / "1.png").write_bytes(name.encode())
    return tmp_path / "scans"


def test_a_folder_is_used_as_it_is(scans: Path, scratch: Path) -> None:
    """Nothing is copied, and nothing removed."""
    with open_folder(scans) as folder:
        assert folder == scans
    assert sorted(path.name for path in scans.iterdir()) == ["no", "yes"]
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "bztar", "xztar"])
@pytest.mark.parametrize("named", [True, False])
def test_an_archive_is_unpacked_and_removed(scans: Path, scratch: Path, kind: str, named: bool) -> None:
    """Every kind of archive, with its suffix or without; the archive itself stays."""
    archive = Path(shutil.make_archive(str(scans.parent / "set"), kind, scans))
    if not named:
        archive = archive.rename(scans.parent / "download")
    with open_folder(archive) as folder:
        assert (folder / "yes" / "1.png").read_bytes() == b"yes"
        assert folder.is_relative_to(scratch)
    assert not list(scratch.iterdir())
    assert archive.exists()


def test_a_fault_while_it_is_read_removes_it_too(scans: Path, scratch: Path) -> None:
    """An exception in the block, an interrupt included, leaves no copy behind."""
    archive = Path(shutil.make_archive(str(scans.parent / "set"), "zip", scans))

    def fail() -> None:
        with open_folder(archive):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not list(scratch.iterdir())


def _missing(path: Path) -> None:
    """Make nothing."""


def _text(path: Path) -> None:
    path.write_text("no archive")


def _broken(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 and no more")


def _climbing(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.png", b"evil")


def _linked(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("a/link.png")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (_missing, ConfigError, "is not there"),
        (_text, ConfigError, "is neither a folder nor a zip or tar archive"),
        (_broken, VerdictError, "is no sound zip or tar archive"),
        (_climbing, VerdictError, "climbs out of its folder"),
        (_linked, VerdictError, "is a link"),
    ],
)
def test_anything_else_is_told(
    tmp_path: Path, scratch: Path, make: Callable[[Path], None], error: type[ScanopsError], words: str
) -> None:
    """What is no archive is the caller's mistake; a hostile one is a verdict. Neither leaves a rest."""
    path = tmp_path / "it"
    make(path)
    with pytest.raises(error, match=words), open_folder(path):
        pytest.fail("it was opened")
    assert not list(scratch.iterdir())
