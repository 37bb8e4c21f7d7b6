"""What a person points at, a folder or an archive, seen as a folder."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scanops.catalogue import ArchiveSource
from scanops.data import archives
from scanops.errors import ConfigError

_SUFFIXES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
_MAGICS = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_TAR_MAGIC_AT = 257  # POSIX.1-2001 ustar: the magic's place in the first header


@contextlib.contextmanager
def open_folder(path: Path) -> Iterator[Path]:
    """Give the folder that a path names; an archive is unpacked into a temporary one.

    Args:
        path: A folder, which is used as it is, or a zip or tar archive, told by its content or its name.

    Yields:
        A folder to read. An unpacked one is removed at the end, however that comes.

    Raises:
        ConfigError: The path is missing, or is neither folder nor archive.
        VerdictError: The archive is corrupt, hostile or empty, or unpacks to too much.
        OSError: The path may not be read, or the disk for temporary files is full.
    """
    require(path)
    if path.is_dir():
        yield path
        return
    bounds = ArchiveSource(kind="archive", url=path.name)
    with tempfile.TemporaryDirectory(prefix="scanops-") as holder:
        folder = Path(holder) / "raw"
        archives.unpack(path, folder, max_files=bounds.max_files, max_bytes=bounds.max_bytes)
        yield folder


def require(path: Path) -> None:
    """Refuse a path that cannot be opened, before anything else is done.

    Args:
        path: See `open_folder`.

    Raises:
        ConfigError: The path is missing, or is neither folder nor archive.
        OSError: The path may not be read.
    """
    if path.is_dir():
        return
    if not path.exists():
        raise ConfigError(str(path), "is not there", "Name a folder of images, or a zip or tar archive")
    if not path.is_file() or not _is_archive(path):
        raise ConfigError(
            str(path), "is neither a folder nor a zip or tar archive", "Name a folder of images or an archive"
        )


def _is_archive(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(512)
    ustar = start[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar"
    return path.name.lower().endswith(_SUFFIXES) or start.startswith(_MAGICS) or ustar
