"""The Python distributions in a folder of libraries, and what their metadata say of their licences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

NOT_STATED = "not stated"
_LICENCE_TEXT = re.compile(
    r"(licen[cs]e|copying|copyright|notice|third.?party.?notices?)([-._].*)?", re.IGNORECASE
)
_CLASSIFIER = "License :: "
_LONGEST_NAME = 100  # some put a whole licence where its name belongs


@dataclass(frozen=True, order=True)
class Distribution:
    """An installed distribution.

    Attributes:
        name: As its metadata spell it.
        version: PEP 440.
        licence: An SPDX expression where the metadata have one, else the words that they use.
        texts: Files with its licences, relative to the folder, POSIX, sorted.
        summary: What it is, in its own words.
    """

    name: str
    version: str
    licence: str
    texts: tuple[str, ...]
    summary: str


def read(folder: Path) -> tuple[Distribution, ...]:
    """Find the distributions in a folder.

    Args:
        folder: What `pip install --target` filled.

    Returns:
        All of them, sorted by name without regard to case.
    """
    found = (_describe(item) for item in metadata.distributions(path=[str(folder)]))
    return tuple(sorted(found, key=order))


def order(item: Distribution) -> tuple[str, str]:
    """Sort by name without regard to case."""
    return item.name.lower(), item.version


def _describe(item: metadata.Distribution) -> Distribution:
    summary = _field(item.metadata, "Summary")
    return Distribution(item.name, item.version, licence(item.metadata), _texts(item), summary)


def licence(fields: metadata.PackageMetadata) -> str:
    """Say under which licence a distribution is, from its metadata.

    Args:
        fields: The metadata, of any version.

    Returns:
        `License-Expression` (PEP 639), else the classifiers, else the first line of `License`.
    """
    if expression := _field(fields, "License-Expression"):
        return expression
    classifiers = [
        value.rpartition(" :: ")[2]
        for value in fields.get_all("Classifier") or []
        if value.startswith(_CLASSIFIER) and value != "License :: OSI Approved"
    ]
    if classifiers:
        return ", ".join(sorted(classifiers))
    named = _field(fields, "License").strip().partition("\n")[0].strip()
    return named if named and len(named) <= _LONGEST_NAME else NOT_STATED


def _field(fields: metadata.PackageMetadata, name: str) -> str:
    return str(next(iter(fields.get_all(name) or []), ""))


def _texts(item: metadata.Distribution) -> tuple[str, ...]:
    paths = [PurePosixPath(str(path)) for path in item.files or []]
    named = [path for path in paths if _LICENCE_TEXT.fullmatch(path.name) or "licenses" in path.parts]
    # Beside the metadata is where they belong; what lies among the code is a copy, or all there is.
    beside = [path for path in named if path.parts[0].endswith(".dist-info")]
    among = [path for path in named if path.suffix.lower() in ("", ".txt", ".md", ".rst")]
    return tuple(sorted(str(path) for path in beside or among if ".." not in path.parts))
