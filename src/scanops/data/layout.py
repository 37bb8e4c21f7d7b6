"""How folders say what an image shows: a folder a class, with or without supplied split folders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scanops import filenames
from scanops.errors import ConfigError, VerdictError

# Names that published data sets give to their split folders, in lower case.
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Placed:
    """A file whose folder names a class.

    Attributes:
        path: Relative POSIX path, as `filenames.to_text` writes it.
        label: Name of the folder that holds the file.
        supplied_split: `train`, `val` or `test` where a folder above says so, else None.
    """

    path: str
    label: str
    supplied_split: str | None


@dataclass(frozen=True)
class Layout:
    """A folder, sorted out.

    Attributes:
        placed: Files with a class, sorted by path.
        unplaced: Files that stand beside the class folders, sorted.
    """

    placed: tuple[Placed, ...]
    unplaced: tuple[str, ...]


def find(root: Path) -> list[str]:
    """List what is below a folder and is no folder itself.

    Links, pipes, sockets and devices are listed like files: each becomes a row that says so. None is followed
    or opened here, and `plain_files.read` opens none later.

    Args:
        root: The raw folder; it may be a link itself.

    Returns:
        Relative POSIX paths as `filenames.to_text` writes them, sorted.

    Raises:
        ConfigError: The folder is missing, or one in it cannot be listed.
    """
    if not root.is_dir():
        raise ConfigError(f"folder {root}", "is not there", "Fetch the data: `make repro`")
    found = []
    waiting = [""]  # not recursion: folders may be nested deeper than Python's stack
    while waiting:
        above = waiting.pop()
        for entry in _list(root / above):
            path = f"{above}/{entry.name}" if above else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            else:
                found.append(filenames.to_text(path))
    return sorted(found)


def _list(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise ConfigError(
            filenames.to_text(str(folder)),
            f"cannot be listed ({error.strerror})",
            "Correct its permissions, or leave it out",
        ) from error


def classify(paths: Iterable[str]) -> Layout:
    """Read the class and the supplied split of each file from its path.

    The folder that holds a file names its class; a folder above may name a split; other folders above
    are wrappers and say nothing. Hidden files and folders are passed over.

    Args:
        paths: What `find` returns.

    Returns:
        Every file that is not hidden, with or without a place.

    Raises:
        VerdictError: There are no files, or fewer than two classes.
    """
    placed, unplaced = [], []
    for path in sorted(paths):
        *folders, name = PurePosixPath(path).parts
        if any(part.startswith(".") for part in (*folders, name)):
            continue
        if not folders or folders[-1].lower() in SPLITS:
            unplaced.append(path)
            continue
        named = [SPLITS[part.lower()] for part in folders[:-1] if part.lower() in SPLITS]
        placed.append(Placed(path, folders[-1], named[-1] if named else None))
    _require_classes(placed, unplaced)
    return Layout(tuple(placed), tuple(unplaced))


def _require_classes(placed: list[Placed], unplaced: list[str]) -> None:
    classes = sorted({place.label for place in placed})
    remedy = "Put the images of each class into a folder with the class's name"
    if not placed and not unplaced:
        raise VerdictError("the data", "hold no files", remedy)
    if len(classes) < 2:
        found = f"one class only, `{classes[0]}`" if classes else "no class folders"
        raise VerdictError("the data", f"hold {found}", remedy)
