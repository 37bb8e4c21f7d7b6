"""What earlier scans of a folder measured, so that a scan reads only files that are new or changed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import PIL
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import features

import scanops
from scanops import filenames
from scanops.atomic import replacing
from scanops.data.duplicates import Alike
from scanops.data.scan import Bounds, Facts

# Whatever decides what is measured; a change of it makes every kept fact worthless.
MEASURING = (
    "brain_crop.py",
    "decoded.py",
    "dicom.py",
    "dicom_elements.py",
    "dicom_frames.py",
    "dicom_identity.py",
    "dicom_levels.py",
    "identity.py",
    "image_paths.py",
    "imaging.py",
    "jpeg_chroma.py",
    "network_input.py",
    "pictures.py",
    "data/near_duplicates.py",
    "data/resemblance.py",
    "data/scan.py",
    "data/thumbnails.py",
)
# What decodes and compares: Pillow's libraries, and packages, some of which pydicom uses if installed.
CODECS = ("jpg", "libjpeg_turbo", "mozjpeg", "jpg_2000", "zlib", "zlib_ng", "libtiff", "webp")
PACKAGES = (
    *("faiss-cpu", "numpy", "pydicom", "pyjpegls", "pylibjpeg"),
    *("pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle", "python-gdcm"),
)
FACTS, COMPARED = "facts.parquet", "compared.json"
_PLACE = re.compile(r"(?P<data>[0-9a-f]{24})-[0-9a-f]{16}")
State = tuple[int, int]  # of a file: size in bytes, time of last change in ns


@dataclass(frozen=True)
class Kept:
    """What is remembered of one folder.

    Attributes:
        files: Of each file, by its path: its state when it was read, and the facts of its images.
        least: Similarity from which `alike` holds every pair among `pictures`.
        alike: Pairs of near duplicates.
        pictures: Hashes of the pixels of the pictures that were compared with each other.
    """

    files: Mapping[str, tuple[State, list[Facts]]] = field(default_factory=dict)
    least: float | None = None
    alike: Sequence[Alike] = ()
    pictures: frozenset[str] = frozenset()

    def fresh(self, root: Path, paths: Sequence[str]) -> tuple[list[str], dict[str, State]]:
        """Find what must be read.

        Args:
            root: The scanned folder.
            paths: Its files.

        Returns:
            The files that are new or changed, by size and time of last change, and the state of each
            file that has one.
        """
        states = {path: state for path in paths if (state := _state(root, path)) is not None}
        known = {
            path for path, state in states.items() if path in self.files and self.files[path][0] == state
        }
        return [path for path in paths if path not in known], states

    def compared(self, least: float) -> frozenset[str]:
        """Return the hashes of the pictures that `alike` covers at a given similarity."""
        return self.pictures if self.least == least else frozenset()


def place(folder: Path, root: Path, bounds: Bounds) -> Path:
    """Choose where the facts of a folder are kept.

    Args:
        folder: Where caches live.
        root: The scanned folder.
        bounds: What the scan was told is too large.

    Returns:
        A folder that depends on all that decides the facts, the code that measures and the libraries that
        decode included. The first part of its name tells the data and the bounds, the second part the rest.
    """
    data = _digest(os.fsencode(root.resolve()).hex(), vars(bounds))
    return folder / "scans" / f"{data[:24]}-{_digest(_measuring(), _decoders())[:16]}"


def read(place: Path, *, views: bool) -> Kept:
    """Read what is kept; a missing or damaged cache is an empty one.

    Args:
        place: See `place`.
        views: Also read the thumbnails, which are most of it and needed for a comparison alone.
    """
    columns = [name for name in _SCHEMA.names if views or name != "views"]
    try:
        rows = pq.read_table(place / FACTS, columns=columns).to_pylist()
        description = json.loads((place / COMPARED).read_text(encoding="utf-8"))
        alike = [Alike(**pair) for pair in description["alike"]]
        files: dict[str, tuple[State, list[Facts]]] = {}
        for row in rows:
            state = (row.pop("file_bytes"), row.pop("file_mtime_ns"))
            file = row.pop("file")
            row["identifying"] = tuple(row["identifying"])
            files.setdefault(file, (state, []))[1].append(Facts(**row))
        return Kept(files, description["least"], alike, frozenset(description["pictures"]))
    except (OSError, pa.ArrowException, ValueError, TypeError, KeyError):
        return Kept()


def write(place: Path, kept: Kept) -> None:
    """Replace what is kept, and remove what an earlier version of the code or its libraries kept of the same.

    Args:
        place: See `place`.
        kept: All there is to remember; files that could not be read are left out, to be tried again.
    """
    rows = [
        {"file": file, "file_bytes": state[0], "file_mtime_ns": state[1], **vars(one)}
        for file, (state, facts) in kept.files.items()
        for one in facts
        if one.sha256
    ]
    try:
        _replace(place, rows, kept)
        _drop_older(place)
    except OSError as error:  # another run may write the same, or the disk be full: nothing depends on it
        print(f"warning: {place}: is not kept for the next scan ({error.strerror})", file=sys.stderr)


def _replace(place: Path, rows: list[dict[str, Any]], kept: Kept) -> None:
    with replacing(place) as draft:
        draft.mkdir()
        table = pa.Table.from_pylist(rows, schema=_SCHEMA)
        # Thumbnails hardly compress; packing them would cost more time than it saves space.
        pq.write_table(table, draft / FACTS, compression="none", use_dictionary=False)
        compared = {
            "least": kept.least,
            "alike": [vars(pair) for pair in kept.alike],
            "pictures": sorted(kept.pictures),
        }
        (draft / COMPARED).write_text(json.dumps(compared), encoding="utf-8")


def _drop_older(place: Path) -> None:
    """Remove the other places of the same data; what this module did not make is left."""
    named = _PLACE.fullmatch(place.name)
    for other in place.parent.iterdir() if named else ():
        found = _PLACE.fullmatch(other.name)
        same = named and found and found["data"] == named["data"] and other.name != place.name
        if same and not other.is_symlink() and {path.name for path in other.iterdir()} == {FACTS, COMPARED}:
            shutil.rmtree(other, ignore_errors=True)


def _state(root: Path, path: str) -> State | None:
    """Describe a file without reading it."""
    try:
        found = (root / filenames.to_file(path)).stat(follow_symlinks=False)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


@cache
def _measuring() -> str:
    package = Path(scanops.__file__).parent
    return hashlib.sha256(b"".join((package / name).read_bytes() for name in MEASURING)).hexdigest()


def _decoders() -> dict[str, str | None]:
    """Name the versions of what decodes and compares, without loading it; None for what is not there."""
    codecs = {name: features.version(name) for name in CODECS}
    return {"pillow": PIL.__version__, **codecs, **{name: _version(name) for name in PACKAGES}}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


_TYPES: dict[str, Any] = {
    "str": pa.string(),
    "str | None": pa.string(),
    "int | None": pa.int64(),
    "float | None": pa.float64(),
    "Views": pa.binary(),
    "tuple[str, ...]": pa.list_(pa.string()),
}
_SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("file_bytes", pa.int64()),
        ("file_mtime_ns", pa.int64()),
        *((one.name, _TYPES[str(one.type)]) for one in fields(Facts)),
    ]
)
