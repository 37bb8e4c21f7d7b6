"""The kinds of source in the catalogue, each brought into one folder of raw files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from scanops.catalogue import ArchiveSource, FolderSource, KaggleSource, PhantomSource, Source
from scanops.data import archives, download, phantom
from scanops.data.intake import CHUNK_BYTES, Bounds, Intake, strip_file
from scanops.errors import ConfigError, OutsideError, VerdictError


@dataclass(frozen=True)
class Provenance:
    """Where raw files came from; nothing in it tells one machine from another.

    Attributes:
        kind: Kind of the source.
        origin: URL, archive name, Kaggle handle or folder name.
        archive_sha256: Hash of the archive, where there was one.
        files: How many.
        bytes: Their size together, as they are on the disk.
        planted: Defects that a phantom was given on purpose: kind, path, twin.
        stripped: How many files lost metadata that named, or could name, a person or a place.
    """

    kind: str
    origin: str
    archive_sha256: str | None
    files: int
    bytes: int
    planted: list[dict[str, str | None]] = field(default_factory=list)
    stripped: int = 0


def fetch(
    source: Source, target: Path, *, mirror: Path | None, cache: Path, strip_metadata: bool = False
) -> Provenance:
    """Fill a folder with the raw files of a source.

    Args:
        source: An entry of the catalogue.
        target: The folder to make; it must not exist. Whoever calls throws it away when this raises.
        mirror: A folder of archives that is looked in first, or None.
        cache: Where downloads are kept.
        strip_metadata: Leave out what names a person or a place, see `strip.strip`.

    Returns:
        Where the files came from.

    Raises:
        VerdictError: The content is corrupt, hostile, empty or not the one that was pinned.
        OutsideError: The origin is missing or cannot be reached.
        ConfigError: The folder to copy holds the folder to fill.
        OSError: The disk is full.
    """
    try:
        return _fetch(source, target, mirror, cache, strip_metadata)
    except PermissionError as error:
        raise OutsideError(
            str(error.filename), f"may not be used ({error.strerror})", "Correct its permissions"
        ) from error


def _fetch(
    source: Source, target: Path, mirror: Path | None, cache: Path, strip_metadata: bool
) -> Provenance:
    if isinstance(source, PhantomSource):
        return _draw(source, target, strip_metadata)
    if isinstance(source, FolderSource):
        return _copy(Path(source.path), source, target, Path(source.path).resolve().name, strip_metadata)
    name = source.archive if isinstance(source, KaggleSource) else download.name_of(source.url)
    mirrored = mirror / name if mirror else None
    if mirrored and mirrored.is_file():
        return _unpack(mirrored, source, target, name, strip_metadata)
    if isinstance(source, KaggleSource):
        return _copy(_ask_kaggle(source), source, target, source.handle, strip_metadata)
    if download.is_remote(source.url):
        archive = download.download(source.url, cache, source.sha256)
        return _unpack(archive, source, target, download.public(source.url), strip_metadata)
    archive = Path(source.url.removeprefix("file://").removeprefix("local://"))
    if not archive.is_file():
        raise OutsideError(
            f"archive {archive}",
            "is not there",
            "Correct its url, or put it into the folder SCANOPS_MIRROR names",
        )
    return _unpack(archive, source, target, name, strip_metadata)


def _draw(source: PhantomSource, target: Path, strip_metadata: bool) -> Provenance:
    with tqdm(total=source.images, unit="image", desc="draw phantom", disable=None) as bar:
        planted = phantom.generate(
            target,
            images=source.images,
            seed=source.seed,
            progress=lambda finished: bar.update(finished - bar.n),
        )
    files = sorted(path for path in target.rglob("*") if path.is_file())
    clean = {path.relative_to(target).as_posix() for path in files if strip_metadata and strip_file(path)}
    told = [asdict(one) for one in planted if one.kind != "identifying_metadata" or one.path not in clean]
    size = sum(path.stat().st_size for path in files)
    return Provenance("phantom", "phantom", None, len(files), size, told, len(clean))


def _unpack(
    archive: Path, source: ArchiveSource | KaggleSource, target: Path, origin: str, strip_metadata: bool
) -> Provenance:
    sha256 = download.check(archive, source.sha256)
    unpacked = archives.unpack(
        archive,
        target,
        max_files=source.max_files,
        max_bytes=source.max_bytes,
        strip_metadata=strip_metadata,
    )
    files, size, stripped = unpacked.files, unpacked.bytes, unpacked.stripped
    return Provenance(source.kind, origin, sha256, files, size, stripped=stripped)


def _copy(
    folder: Path, source: FolderSource | KaggleSource, target: Path, origin: str, strip_metadata: bool
) -> Provenance:
    """Copy a folder's regular files; a link could lead anywhere."""
    if not folder.is_dir():
        raise OutsideError(
            f"folder {folder}", "is not there", "Correct the path of this source in params.yaml"
        )
    if target.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"folder {folder}", "holds the folder to be filled", "Name one that is not above the raw data"
        )
    bounds = Bounds(source.max_files, source.max_bytes)
    with tqdm(desc=f"copy {origin}", unit="B", unit_scale=True, disable=None) as bar:
        intake = Intake(target, origin, bounds, bar, strip_metadata=strip_metadata)
        for path in _walk(folder):
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                raise VerdictError(str(path), "is a link or a device", "Put the file itself there")
            place = intake.admit(path.relative_to(folder).as_posix())
            if place is not None:
                intake.write(place, _read(path), modified_s=found.st_mtime)
    if not intake.files:
        raise VerdictError(f"folder {folder}", "holds no files", "Put a folder of images a class into it")
    return Provenance(source.kind, origin, None, intake.files, intake.bytes, stripped=intake.stripped)


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, onerror=_unreadable):
        folders.sort()
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in sorted([*names, *links]):
            yield Path(place) / name


def _unreadable(error: OSError) -> NoReturn:
    raise VerdictError(
        str(error.filename), f"cannot be read ({error.strerror})", "Correct its permissions"
    ) from error


def _read(path: Path) -> Iterator[bytes]:
    """Read a file piece by piece; its faults are told apart here from those of the disk written to."""
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        error.filename = str(path)  # a fault while reading names none
        _unreadable(error)


def _ask_kaggle(source: KaggleSource) -> Path:
    # Kagglehub takes half a second to load, and most runs never ask it.
    import kagglehub  # noqa: PLC0415

    try:
        return Path(kagglehub.dataset_download(source.handle))
    except Exception as error:  # kagglehub lets requests', urllib's and its own errors through
        raise OutsideError(
            f"Kaggle data set {source.handle}",
            f"cannot be fetched ({str(error).splitlines()[0] if str(error) else type(error).__name__})",
            "Set KAGGLE_USERNAME and KAGGLE_KEY (or write ~/.kaggle/kaggle.json), or put "
            f"{source.archive} into a folder and set SCANOPS_MIRROR to it",
        ) from error
