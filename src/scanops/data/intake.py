"""The one door through which foreign files enter a folder: names, counts and sizes are judged here.

Archives and copied folders alike hand over a name and a stream of bytes. Nothing that they claim about
themselves is believed: bytes are counted as they are written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm import tqdm

from scanops import strip
from scanops.errors import VerdictError

CHUNK_BYTES = 1 << 20
MAX_NAME_BYTES = 255  # what ext4, APFS and NTFS can hold
MAX_PATH_BYTES = 1024
# A file of more is no image that anything here reads, see `plain_files`.
MAX_STRIPPED_BYTES = 2 << 30
JUNK = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db"})

_REMEDY = "Do not use it; ask its source for a clean copy"
_DRIVE = re.compile(r"^[A-Za-z]:")
# Archives say 0, or the first second of 1980, where nobody told them a time.
_EARLIEST_S = datetime(1980, 1, 1, tzinfo=UTC).timestamp()
_LATEST_S = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Bounds:
    """How much may enter.

    Attributes:
        max_files: Entries, folders and skipped ones included.
        max_bytes: Bytes of all files together.
        dense_bytes: Where a decompression bomb is suspected before that, else None.
    """

    max_files: int
    max_bytes: int
    dense_bytes: int | None = None


def safe_path(name: str, origin: str) -> PurePosixPath:
    """Turn the name of a foreign file into a relative path that cannot leave its folder.

    Args:
        name: As the archive or folder gives it; `/` separates folders.
        origin: What to call the archive or folder in a message.

    Returns:
        A relative path of plain parts; without parts when the name means the folder itself.

    Raises:
        VerdictError: The name is absolute, climbs, has a drive, a backslash or control characters, is
            not UTF-8, or is longer than file systems hold.
    """
    path = PurePosixPath(name)
    fault = _fault_of(name, path)
    if fault:
        raise VerdictError(origin, f"holds {_shown(name)}, {fault}", _REMEDY)
    return path


def _fault_of(name: str, path: PurePosixPath) -> str | None:
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "whose name is not UTF-8"
    too_long = size > MAX_PATH_BYTES or any(len(part.encode()) > MAX_NAME_BYTES for part in path.parts)
    faults = {
        "an empty name": not name,
        "an absolute path": name.startswith("/"),
        "a path that climbs out of its folder": ".." in path.parts,
        "a path with a backslash or a drive": "\\" in name or any(map(_DRIVE.match, path.parts)),
        "whose name has control characters": bool(_CONTROL.search(name)),
        f"a name over {MAX_NAME_BYTES} or a path over {MAX_PATH_BYTES} bytes": too_long,
    }
    return next((fault for fault, found in faults.items() if found), None)


def _shown(name: str) -> str:
    """Quote a hostile name for a terminal: escaped, and cut."""
    return ascii(name if len(name) <= 80 else name[:77] + "…")


class Intake:
    """Writes foreign files under a folder and stops at the first that breaks a bound.

    What was written by then stays: the caller works in a draft folder and throws it away.

    Args:
        root: The folder to fill; it is created.
        origin: What to call the archive or folder in messages.
        bounds: How much may enter.
        progress: A tqdm bar that counts bytes.
        strip_metadata: Leave out what names a person or a place, see `strip.strip`.

    Attributes:
        files: How many were written.
        bytes: Their size together, as they are on the disk.
        stripped: How many of them are not the bytes that came.
    """

    def __init__(
        self, root: Path, origin: str, bounds: Bounds, progress: tqdm[Any], *, strip_metadata: bool = False
    ) -> None:
        self.files = 0
        self.bytes = 0
        self.stripped = 0
        self._received = 0
        self._strip_metadata = strip_metadata
        self._root = root
        self._origin = origin
        self._bounds = bounds
        self._progress = progress
        self._entries = 0
        self._seen: set[PurePosixPath] = set()
        root.mkdir(parents=True, exist_ok=True)

    def admit(self, name: str) -> PurePosixPath | None:
        """Judge the next entry by its name, before any of its bytes are read.

        Args:
            name: As the archive or folder gives it.

        Returns:
            Where the file may go, relative to the root; None for what desktops leave behind.

        Raises:
            VerdictError: The name is unsafe or came before, or there are too many entries.
        """
        self._entries += 1
        if self._entries > self._bounds.max_files:
            raise VerdictError(
                self._origin,
                f"holds more than {self._bounds.max_files} entries",
                "Raise max_files of this source in params.yaml if that is right",
            )
        path = safe_path(name, self._origin)
        if path in self._seen:
            raise VerdictError(self._origin, f"holds {_shown(name)} more than once", _REMEDY)
        self._seen.add(path)
        return None if JUNK.intersection(path.parts) else path

    def write(self, path: PurePosixPath, chunks: Iterable[bytes], *, modified_s: float | None = None) -> None:
        """Write one admitted file, with the permissions that the umask gives.

        Args:
            path: What `admit` returned.
            chunks: Its bytes.
            modified_s: When its source says that it was changed, in seconds since 1970; kept where that can
                be, so that a scan knows unchanged files again. None when it says nothing.

        Raises:
            VerdictError: The path collides with another, or the bytes exceed the bound.
            OSError: The disk is full or cannot be written.
        """
        place = self._root / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            file = place.open("xb")  # never through something that is there already
        except (FileExistsError, NotADirectoryError) as error:
            raise VerdictError(
                self._origin, f"holds {_shown(str(path))} twice, or as file and folder", _REMEDY
            ) from error
        with file:
            for chunk in chunks:
                self._count(len(chunk))
                file.write(chunk)
        # What was stripped keeps its new time: by the old one it would pass for the file as it came.
        if self._strip_metadata and strip_file(place):
            self.stripped += 1
        elif modified_s is not None and _EARLIEST_S < modified_s < _LATEST_S:
            os.utime(place, (modified_s, modified_s))
        self.files += 1
        self.bytes += place.stat().st_size

    def _count(self, size: int) -> None:
        self._received += size
        if self._received > self._bounds.max_bytes:
            raise VerdictError(
                self._origin,
                f"unpacks to more than {self._bounds.max_bytes} bytes",
                "Raise max_bytes of this source in params.yaml if that is right",
            )
        if self._bounds.dense_bytes is not None and self._received > self._bounds.dense_bytes:
            raise VerdictError(self._origin, "unpacks to far more than its size allows: a bomb", _REMEDY)
        self._progress.update(size)


def strip_file(place: Path) -> bool:
    """Leave out what a file says of a person or a place, see `strip.strip`.

    Args:
        place: The file; it is written again where that changes it.

    Returns:
        Whether it was changed.
    """
    if place.stat().st_size > MAX_STRIPPED_BYTES:
        return False
    data = place.read_bytes()
    stripped = strip.strip(data)
    if stripped == data:
        return False
    place.write_bytes(stripped)
    return True
