"""How folders say what an image shows: a folder a class, with or without supplied split folders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scanops import listing
from scanops.errors import VerdictError

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
REMEDY = "Put the images of each class into a folder with the class's name"


@dataclass(frozen=True)
class Placed:
    """A file with its place.

    Attributes:
        path: Relative POSIX path, as `filenames.to_text` writes it.
        label: Name of the folder that holds the file; None where no folder names a class.
        supplied_split: `train`, `val` or `test` where a folder above says so, else None.
    """

    path: str
    label: str | None
    supplied_split: str | None


@dataclass(frozen=True)
class Layout:
    """A folder, sorted out.

    Attributes:
        placed: Files with a class, sorted by path; where there is no class folder at all, every file.
        unplaced: Files that stand beside the class folders, sorted.
    """

    placed: tuple[Placed, ...]
    unplaced: tuple[str, ...]


def find(root: Path) -> list[str]:
    """List what is below a folder and is no folder itself.

    Args:
        root: The raw folder; it may be a link itself.

    Returns:
        See `listing.find`.

    Raises:
        ConfigError: The folder is missing, or one in it cannot be listed.
    """
    return listing.find(root, "Fetch the data: `make repro`")


def classify(paths: Iterable[str]) -> Layout:
    """Read the class and the supplied split of each file from its path.

    The folder that holds a file names its class; a folder above may name a split; other folders above
    are wrappers and say nothing. Hidden files and folders are passed over.

    Args:
        paths: What `find` returns.

    Returns:
        Every file that is not hidden. Where no folder names a class, all are placed, without a label:
        what is wrong with them can be told all the same.

    Raises:
        VerdictError: There are no files.
    """
    placed, beside = [], []
    for path in sorted(paths):
        *folders, name = path.split("/")  # pathlib takes ten times as long
        if any(part.startswith(".") for part in (*folders, name)):
            continue
        named = [SPLITS[part.lower()] for part in folders if part.lower() in SPLITS]
        if not folders or folders[-1].lower() in SPLITS:
            beside.append(Placed(path, None, named[-1] if named else None))
        else:
            placed.append(Placed(path, folders[-1], named[-1] if named else None))
    if not placed and not beside:
        raise VerdictError("the data", "hold no files", REMEDY)
    if not placed:
        return Layout(tuple(beside), ())
    return Layout(tuple(placed), tuple(one.path for one in beside))


def require_classes(layout: Layout) -> None:
    """Refuse data that no class can be learned from.

    Args:
        layout: What `classify` returns.

    Raises:
        VerdictError: There are fewer than two classes.
    """
    fault = lack_of_classes(layout)
    if fault:
        raise VerdictError("the data", fault, REMEDY)


def lack_of_classes(layout: Layout) -> str | None:
    """Say which classes there are where they are fewer than two.

    Args:
        layout: What `classify` returns.

    Returns:
        What the data hold instead; None where there are enough.
    """
    classes = sorted({place.label for place in layout.placed if place.label is not None})
    if len(classes) > 1:
        return None
    return f"hold one class only, `{classes[0]}`" if classes else "hold no class folders"
