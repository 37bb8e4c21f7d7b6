"""The facts of a folder's images and the pairs of near duplicates: measured anew, or remembered."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from scanops import cluster, workers
from scanops.data import duplicates, scan_cache
from scanops.data.duplicates import Alike
from scanops.data.layout import Placed
from scanops.data.scan import FILES_A_TASK, Bounds, Facts, lost, scan_file
from scanops.data.scan_cache import Kept, State
from scanops.validation_rules import Validation


class Bar(Protocol):
    """What shows progress; tqdm's bars do."""

    def update(self, n: float | None = 1) -> object:
        """Move on."""


class Progress(Protocol):
    """What makes a bar for one piece of work."""

    def __call__(self, what: str, total: int) -> contextlib.AbstractContextManager[Bar]:
        """Begin a bar: what is done, and how many images there are to do."""


@contextlib.contextmanager
def silent(what: str, total: int) -> Generator[Bar, None, None]:
    """Show nothing."""
    del what, total
    yield _Mute()


class _Mute:
    def update(self, n: float | None = 1) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Means:
    """How a scan is run; nothing here changes what it finds.

    Attributes:
        workers: Processes on this machine; None takes the cores there are.
        cluster: Address of a Ray cluster that scans instead of this machine, or None.
        cache: Folder where facts are kept between scans; None keeps none.
        progress: Makes a progress bar.
    """

    workers: int | None = None
    cluster: str | None = None
    cache: Path | None = None
    progress: Progress = silent


@dataclass(frozen=True)
class Gathered:
    """All that is known of a folder before it is judged.

    Attributes:
        facts: Of each image, in the order of the files.
        alike: Pairs of near duplicates.
        read: Files that were read; the others were remembered.
    """

    facts: list[Facts]
    alike: list[Alike]
    read: int


def gather(
    root: Path,
    placed: Sequence[Placed],
    rules: Validation,
    means: Means | None = None,
) -> Gathered:
    """Measure what is new in a folder, remember the rest, and find near duplicates among all.

    Args:
        root: The raw folder.
        placed: Its files.
        rules: Bounds and thresholds.
        means: How the scan is run.

    Returns:
        Facts and pairs. What was measured is kept even when the run is interrupted.
    """
    means = means or Means()
    cache, progress = means.cache, means.progress
    bounds, least = Bounds(rules.max_pixels, rules.max_frames), rules.near_duplicate_similarity
    place = scan_cache.place(cache, root, bounds) if cache else None
    paths = [one.path for one in placed]
    kept, fresh, states = _recall(place, root, paths, least)
    files = {path: kept.files[path] for path in set(paths).difference(fresh)}
    compared = kept.compared(least)
    alike = list(kept.alike) if compared else []
    try:
        with (
            progress("scan", len(fresh)) as bar,
            contextlib.closing(_scan(root, fresh, bounds, means)) as found,
        ):
            for path, images in zip(fresh, found, strict=True):
                files[path] = (states.get(path, (-1, -1)), images)
                bar.update(1)
        facts = [one for path in paths for one in files[path][1]]
        with progress("compare", len(facts)) as bar:
            alike = duplicates.compare(
                facts,
                least,
                known=alike,
                compared=compared,
                threads=means.workers or workers.usable_cores(),
                progress=bar.update,
            )
        compared = frozenset(one.pixel_sha256 for one in facts if one.pixel_sha256)
    finally:
        # When interrupted, what was measured so far is worth keeping.
        if place and (
            fresh or kept.pictures != compared or kept.least != least or len(files) != len(kept.files)
        ):
            scan_cache.write(place, Kept(files, least, alike, compared))
    return Gathered(facts, alike, len(fresh))


def _scan(root: Path, paths: list[str], bounds: Bounds, means: Means) -> Generator[list[Facts], None, None]:
    """Scan on this machine, or on a cluster: the same function on the same files."""
    work = partial(scan_file, root.absolute(), bounds=bounds)
    if means.cluster:
        return cluster.each(work, paths, address=means.cluster, chunk=FILES_A_TASK, lost=lost, shared=root)
    return workers.each(work, paths, workers=means.workers, chunk=FILES_A_TASK, lost=lost)


def _recall(
    place: Path | None, root: Path, paths: list[str], least: float
) -> tuple[Kept, list[str], dict[str, State]]:
    """Return what is kept, which files must be read all the same, and the state of each."""
    if place is None:
        return Kept(), paths, {}
    kept = scan_cache.read(place, views=False)
    fresh, states = kept.fresh(root, paths)
    compared = kept.compared(least)
    every = (one.pixel_sha256 for _, facts in kept.files.values() for one in facts)
    whole = all(name is None or name in compared for name in every)
    # Thumbnails are most of what is kept, and wanted only where something is compared or written.
    if fresh or not whole or len(paths) != len(kept.files):
        kept = scan_cache.read(place, views=True)
    return kept, fresh, states
