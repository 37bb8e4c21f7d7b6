"""What a node of a cluster runs: one chunk, where its software and its view of the files are right."""

from __future__ import annotations

import functools
import hashlib
import pickle
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import scanops
from scanops.worker_process import Work, attempt, portable

# Whose version may show in what is read from an image.
LIBRARIES = ("numpy", "pillow", "pydicom", "scipy")


@dataclass(frozen=True)
class Answer:
    """What became of a chunk.

    Attributes:
        results: One for each item before the first that raised.
        error: What that one raised, or None.
        complaint: Why this node may not work on it, or None.
    """

    results: list[Any]
    error: BaseException | None = None
    complaint: str | None = None


@dataclass(frozen=True)
class Software:
    """The software that decides about results.

    Attributes:
        versions: Of Python and of the libraries, by name.
        sources: Hash of each module of this project, by dotted name.
    """

    versions: dict[str, str]
    sources: dict[str, str]


@functools.cache
def software() -> Software:
    """Describe the software of this process."""
    names = {name: _version(name) for name in LIBRARIES}
    sources: dict[str, str] = {}
    for folder in map(Path, scanops.__path__):
        for file in folder.rglob("*.py"):
            parts = file.relative_to(folder.parent).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            sources[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return Software({"python": platform.python_version(), **names}, sources)


def run(pickled: bytes, items: Sequence[Any], expected: Software, shared: str | None) -> Answer:
    """Do a chunk on a node like the one that asks.

    Args:
        pickled: The function to call, pickled.
        items: What to call it on.
        expected: What `software` says where the chunk comes from. Of this project only the modules that
            the work has loaded must be the same.
        shared: A folder that must be here as it is there, or None.

    Returns:
        Results, or a complaint.
    """
    if shared is not None and not Path(shared).is_dir():
        return Answer([], complaint=f"node {platform.node()} has no folder {shared}")
    try:
        work: Work = pickle.loads(pickled)  # noqa: S301 -- whoever may use a cluster may run code on it
    except Exception as fault:  # whatever the modules that it imports raise
        return Answer([], complaint=f"node {platform.node()} cannot import the work ({fault})")
    differences = _differences(expected)
    if differences:
        return Answer([], complaint=f"node {platform.node()} has {', '.join(differences)}")
    results, error = attempt(work, items)
    return Answer(results, error and portable(error))


def _differences(expected: Software) -> list[str]:
    found = software()
    loaded = sorted(name for name in found.sources if name in sys.modules)
    return [
        *(
            f"{name} {version} instead of {expected.versions[name]}"
            for name, version in found.versions.items()
            if version != expected.versions[name]
        ),
        *(
            f"another release of {name}"
            for name in loaded
            if found.sources[name] != expected.sources.get(name)
        ),
    ]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"
