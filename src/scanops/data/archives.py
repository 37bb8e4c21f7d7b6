"""Unpack a zip or tar archive from a stranger: what is not a plain file or folder is refused."""

from __future__ import annotations

import bz2
import calendar
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from tqdm import tqdm

from scanops.data.intake import CHUNK_BYTES, Bounds, Intake
from scanops.errors import OutsideError, VerdictError

MAX_RATIO = 200  # bytes out for a byte in; photographs and scans stay below 20
RATIO_FLOOR_BYTES = 16 << 20  # so small that a bomb does no harm
_MAX_HEADER_BYTES = 8 << 20  # a tar header that asks for more at once is a memory bomb
_TAR_BLOCK_BYTES = 512

_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,  # a compression method that zipfile does not know
    RuntimeError,
    ValueError,
    OverflowError,
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_COMPRESSED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))


@dataclass(frozen=True)
class Unpacked:
    """What came out of an archive.

    Attributes:
        files: Number of files written.
        bytes: Their size together, as they were written.
        stripped: Number of them that lost metadata.
    """

    files: int
    bytes: int
    stripped: int = 0


def unpack(
    archive: Path, target: Path, *, max_files: int, max_bytes: int, strip_metadata: bool = False
) -> Unpacked:
    """Write an archive's files under a folder, or refuse the archive.

    Args:
        archive: A zip, or a tar that may be compressed with gzip, bzip2 or xz; told by its content.
        target: A draft folder; it is created, and holds an unfinished rest when this raises.
        max_files: Most entries.
        max_bytes: Most bytes of all files together, counted while they are written.
        strip_metadata: Leave out what names a person or a place, see `strip.strip`.

    Returns:
        How much was written.

    Raises:
        VerdictError: The archive is corrupt, empty, encrypted, too large or too dense, or holds links,
            devices, repeated names or names that leave the folder.
        OutsideError: There is no such file, or it may not be read.
        OSError: The disk is full.
    """
    try:
        size = archive.stat().st_size
        with archive.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        raise OutsideError(archive.name, f"cannot be read ({error.strerror})", "Check the path") from error
    dense = max(RATIO_FLOOR_BYTES, MAX_RATIO * size)
    bounds = Bounds(max_files, max_bytes, dense)
    with tqdm(desc=f"unpack {archive.name}", unit="B", unit_scale=True, disable=None) as bar:
        intake = Intake(target, archive.name, bounds, bar, strip_metadata=strip_metadata)
        if magic.startswith(_ZIP):
            _unpack_zip(archive, intake)
        else:
            _unpack_tar(archive, magic, intake, dense)
    if intake.files == 0:
        raise VerdictError(archive.name, "holds no files", "Check that it is the right archive")
    return Unpacked(intake.files, intake.bytes, intake.stripped)


def _unpack_zip(archive: Path, intake: Intake) -> None:
    name = archive.name
    try:
        opened = zipfile.ZipFile(archive)
    except _UNREADABLE as error:
        raise _corrupt(name, error) from error
    with opened:
        for info in opened.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(name, info.filename, "is a link or a device")
            if info.flag_bits & 1:
                raise _refused(name, info.filename, "is encrypted")
            # zipfile cuts a name at NUL: the name as it was written is the one to judge.
            path = intake.admit(info.orig_filename)
            if path is None or info.is_dir():
                continue
            try:
                member = opened.open(info)
            except _UNREADABLE as error:
                raise _corrupt(name, error) from error
            with member:
                intake.write(path, _chunks(member, name), modified_s=_modified_s(info))


def _modified_s(info: zipfile.ZipInfo) -> float | None:
    """Return when a member was changed; a zip tells no time zone, and UTC is the same on every machine."""
    try:
        return float(calendar.timegm(info.date_time))
    except ValueError:  # such as month 0
        return None


def _unpack_tar(archive: Path, magic: bytes, intake: Intake, most_bytes: int) -> None:
    name = archive.name
    opener = next((opener for start, opener in _COMPRESSED if magic.startswith(start)), open)
    with cast(IO[bytes], opener(archive, "rb")) as file:
        bounded = _Bounded(file, most_bytes)
        try:
            opened = tarfile.open(fileobj=cast(IO[bytes], bounded), mode="r:")  # noqa: SIM115  (closed below)
        except _UNREADABLE as error:
            raise _corrupt(name, error) from error
        with opened:
            for member in _members(opened, name):
                if member.issparse() or not (member.isreg() or member.isdir()):
                    raise _refused(name, member.name, "is a link, a device or a sparse file")
                path = intake.admit(member.name)
                if path is not None and member.isreg():
                    # Closed by name: Python drops whatever is raised, Ctrl-C too, while it collects a file.
                    with cast(IO[bytes], opened.extractfile(member)) as content:
                        intake.write(path, _chunks(content, name), modified_s=float(member.mtime))
            _require_end(bounded, opened.offset, name)


def _require_end(file: _Bounded, offset: int, name: str) -> None:
    """Refuse a tar that stops early: tarfile takes a damaged or missing header for the end."""
    try:
        file.seek(offset)
        if file.read(_TAR_BLOCK_BYTES) != bytes(_TAR_BLOCK_BYTES):
            raise tarfile.ReadError("it breaks off, or a header is damaged")
        # To the end, because gzip, bzip2 and xz keep their checksums there.
        while file.read(CHUNK_BYTES):
            pass
    except _UNREADABLE as error:
        raise _corrupt(name, error) from error


class _Bounded:
    """A decompressed tar that refuses to be read in one huge piece, or past a bound."""

    def __init__(self, file: IO[bytes], most_bytes: int) -> None:
        self._file = file
        self._most_bytes = most_bytes

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header asks for {size} bytes at once")
        self._check(self._file.tell() + size)
        return self._file.read(size)

    def seek(self, position: int) -> int:
        self._check(position)
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()

    def _check(self, position: int) -> None:
        # Headers and padding come on top of the files' bytes.
        if position > 2 * self._most_bytes + _MAX_HEADER_BYTES:
            raise tarfile.ReadError("it unpacks to far more than its size allows")


def _members(opened: tarfile.TarFile, name: str) -> Iterator[tarfile.TarInfo]:
    while True:
        try:
            member = opened.next()
        except _UNREADABLE as error:
            raise _corrupt(name, error) from error
        if member is None:
            return
        # tarfile keeps every header it has read; those of an archive of millions would fill the memory.
        opened.members = []  # type: ignore[attr-defined]  # not in the stubs
        yield member


def _chunks(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Read a member piece by piece; only faults of the archive become verdicts, not a full disk."""
    while True:
        try:
            chunk = file.read(CHUNK_BYTES)
        except _UNREADABLE as error:
            raise _corrupt(name, error) from error
        if not chunk:
            return
        yield chunk


def _corrupt(name: str, error: Exception) -> VerdictError:
    reason = f"{type(error).__name__}: {error}"
    return VerdictError(
        name, f"is no sound zip or tar archive ({reason})", "Fetch it again, or check its source"
    )


def _refused(name: str, member: str, fault: str) -> VerdictError:
    return VerdictError(name, f"holds {member[:80]!a}, which {fault}", "Do not use it; ask for a clean copy")
