"""How folders say what an image shows: a folder a class, with or without supplied split folders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

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
        path: Relative POSIX path.
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
    """List the files below a folder.

    Args:
        root: The raw folder.

    Returns:
        Relative POSIX paths, sorted.

    Raises:
        ConfigError: The folder is missing, or one in it cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise ConfigError(
            str(error.filename), f"cannot be listed ({error.strerror})", "Correct its permissions"
        )

    if not root.is_dir():
        raise ConfigError(f"folder {root}", "is not there", "Fetch the data: `make repro`")
    return sorted(
        (Path(folder) / name).relative_to(root).as_posix()
        for folder, _, names in os.walk(root, onerror=refuse)
        for name in names
    )


def classify(paths: Iterable[str]) -> Layout:
    """Read the class and the supplied split of each file from its path.

    The folder that holds a file names its class; a folder above may name a split; other folders above
    are wrappers and say nothing. Hidden files and folders are passed over.

    Args:
        paths: Relative POSIX paths of files.

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
