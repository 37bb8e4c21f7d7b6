"""The kinds of source that `sources` in `params.yaml` can hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scanops.section import Section, Sha256


class PhantomSource(Section):
    """Synthetic head slices, drawn on the spot."""

    kind: Literal["phantom"]
    images: Annotated[int, Field(ge=40, le=1_000_000)] = 600
    seed: Annotated[int, Field(ge=0)] = 7


class ArchiveSource(Section):
    """A zip or tar archive by path or any fsspec URL."""

    kind: Literal["archive"]
    url: Annotated[str, Field(min_length=1)]
    sha256: Sha256 | None = None
    max_bytes: Annotated[int, Field(gt=0)] = 50_000_000_000
    max_files: Annotated[int, Field(gt=0)] = 2_000_000


class FolderSource(Section):
    """A folder that is copied as it is."""

    kind: Literal["folder"]
    path: Annotated[str, Field(min_length=1)]
    max_bytes: Annotated[int, Field(gt=0)] = 50_000_000_000
    max_files: Annotated[int, Field(gt=0)] = 2_000_000


class KaggleSource(Section):
    """A Kaggle data set; `archive` is its name in a mirror directory, `sha256` is checked there."""

    kind: Literal["kaggle"]
    handle: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+(/versions/\d+)?$")]
    archive: Annotated[str, Field(pattern=r"^[\w.-]+\.(zip|tar|tar\.gz|tgz)$")]
    sha256: Sha256 | None = None
    max_bytes: Annotated[int, Field(gt=0)] = 50_000_000_000
    max_files: Annotated[int, Field(gt=0)] = 2_000_000


Source = Annotated[PhantomSource | ArchiveSource | FolderSource | KaggleSource, Field(discriminator="kind")]
