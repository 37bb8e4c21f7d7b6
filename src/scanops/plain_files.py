"""Reading a file from a folder that somebody else filled: regular files of a sane size, and nothing else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from scanops.errors import ImageError

# A study of many frames may take gigabytes; a sparse file of a terabyte must not take the machine.
MAX_BYTES = 2 << 30

_KINDS = {
    stat.S_IFLNK: "is a link",
    stat.S_IFDIR: "is a folder",
    stat.S_IFIFO: "is a named pipe",
    stat.S_IFSOCK: "is a socket",
    stat.S_IFBLK: "is a device",
    stat.S_IFCHR: "is a device",
}


def read(path: Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a whole regular file, which is looked at before it is opened.

    A link could lead anywhere, a pipe waits for ever, and opening a device can move it: none is opened, not
    even when one takes the file's place in between.

    Args:
        path: The file.
        max_bytes: Refuse a larger one.

    Returns:
        Its bytes.

    Raises:
        ImageError: `unsupported`: not a regular file, or too large.
        OSError: It is not there, or may not be read.
    """
    _require_plain(path, os.lstat(path), max_bytes)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(path, flags), "rb", buffering=0) as file:  # noqa: PTH123 -- pathlib cannot refuse a link
        _require_plain(path, os.fstat(file.fileno()), max_bytes)
        return file.read()


def _require_plain(path: Path, found: os.stat_result, max_bytes: int) -> None:
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG:
        raise _unsupported(path, _KINDS.get(kind, "is not a regular file"))
    if found.st_size > max_bytes:
        raise _unsupported(path, f"holds {found.st_size:,} bytes, more than {max_bytes:,}")


def _unsupported(path: Path, fault: str) -> ImageError:
    return ImageError("unsupported", path.name, fault, "Put the image itself there")
