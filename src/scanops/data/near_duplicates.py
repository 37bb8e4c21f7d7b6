"""All pairs of pictures that are copies after a change, without comparing all pairs.

A picture's perceptual hash is the vector that `resemblance` makes of its thumbnail, kept as numbers rather
than cut to bits. An inverted file (faiss) sorts the vectors into √N cells by k-means; a query looks into the
nearest few, so comparing N pictures costs about N^1.5.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import faiss
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from scanops.data import resemblance

CELLS = 3.0  # cells for N pictures: this, times √N
PROBES = 4  # cells that a query looks into; copies lie so close that one finds nearly all
CHUNK = 256  # pictures described and compared at a time: what they need fits a core's cache
ROUNDS, SAMPLES_A_CELL = 4, 16  # of k-means, which need not be exact
KEPT_BYTES = 30 << 20  # of freed memory that are used again; the C library allows up to 32 MiB

Ints = npt.NDArray[np.int64]
Described = npt.NDArray[np.float16]
Hits = tuple[Ints, Ints, npt.NDArray[np.float64], npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures that are alike, each once.

    Attributes:
        first: int [P], index of the earlier picture.
        second: int [P], index of the later one.
        similarity: float [P], correlation in (0, 1], to four decimals.
        mirrored: bool [P], true where they are alike only after a flip from left to right.
    """

    first: Ints
    second: Ints
    similarity: npt.NDArray[np.float64]
    mirrored: npt.NDArray[np.bool_]


def find(
    views: resemblance.Views,
    sizes: Ints,
    least: float,
    *,
    fresh: npt.NDArray[np.bool_] | None = None,
    threads: int = 1,
    progress: Callable[[int], object] | None = None,
) -> Pairs:
    """Find the pairs of pictures that are alike.

    Args:
        views: uint8 [N, 2, SIDE_PX, SIDE_PX], see `thumbnails.unpack`.
        sizes: int [N, 2], width and height in pixels.
        least: Correlation from which two pictures are alike.
        fresh: bool [N]; only pairs with at least one of these are looked for. None: all pairs.
        threads: How many chunks are compared at a time; the pairs are the same.
        progress: Called with the number of pictures compared since the last call.

    Returns:
        The pairs, sorted by index.
    """
    _reuse_memory()
    members = np.arange(len(views))
    fresh = np.ones(len(views), bool) if fresh is None else fresh
    # A change is directed: a crop is found from the whole picture, not the other way. So the new are
    # compared with all, and the old with the new.
    rounds = [(members[fresh], members), (members[~fresh], members[fresh])]
    found: list[Hits] = []
    # A thread for each chunk and none within it: threads that share one product wait for each other by
    # spinning, which costs ten times the work where other programs want the cores.
    with (
        threadpool_limits(1),
        ThreadPoolExecutor(threads, initializer=faiss.omp_set_num_threads, initargs=(1,)) as pool,
    ):
        described = _describe(views, pool)
        for asking, asked in rounds:
            if not len(asking) or not len(asked):
                continue
            cells = pool.submit(_Cells, described, asked).result()  # there, because of its one thread
            hits = partial(cells.hits, views, sizes, described, least)
            chunks = [asking[start : start + CHUNK] for start in range(0, len(asking), CHUNK)]
            for chunk, some in zip(chunks, pool.map(hits, chunks), strict=True):
                found.extend(some)
                if progress:
                    progress(len(chunk))
    return _once_each(found)


def _reuse_memory() -> None:
    """Have the arrays of a chunk take the place of those of the last one.

    glibc gives what is freed back to the system where it is larger than a threshold, and raises that to the
    largest block that was freed so. Below it, clearing new pages costs a third of describing a chunk.
    """
    np.empty(KEPT_BYTES, np.uint8)


class _Cells:
    """An inverted file of some pictures: two vectors each, of the frame and of its content."""

    def __init__(self, described: Described, members: Ints) -> None:
        dimensions = described.shape[2]
        count = min(len(members), int(CELLS * np.sqrt(len(members))))
        # The index does not own its coarse quantizer, which must live as long.
        self._coarse = faiss.IndexFlatIP(dimensions)
        self._index = faiss.IndexIVFFlat(self._coarse, dimensions, count, faiss.METRIC_INNER_PRODUCT)
        self._index.cp.niter, self._index.cp.max_points_per_centroid = ROUNDS, SAMPLES_A_CELL
        self._index.cp.min_points_per_centroid = 1
        self._index.nprobe = PROBES
        step = max(1, 2 * len(members) // (count * SAMPLES_A_CELL))
        self._index.train(described[members[::step]].reshape(-1, dimensions).astype(np.float32))
        for start in range(0, len(members), CHUNK):
            chunk = members[start : start + CHUNK]
            for view in range(described.shape[1]):
                vectors = described[chunk, view].astype(np.float32)
                structured = vectors.any(axis=1)
                self._index.add_with_ids(vectors[structured], chunk[structured])

    def hits(
        self, views: resemblance.Views, sizes: Ints, described: Described, least: float, chunk: Ints
    ) -> list[Hits]:
        """Find, for each kind of copy of a chunk of the pictures, the pictures that are like it."""
        found: list[Hits] = []
        for query in resemblance.queries(views[chunk], sizes[chunk], described[chunk].astype(np.float32)):
            # A little below, because what counts is the rounded value.
            limits, alike, others = self._index.range_search(query.vectors, least - 1e-4)
            similarity = np.minimum(np.round(alike.astype(np.float64), 4), 1.0)
            ours = np.repeat(chunk[query.rows], np.diff(limits.astype(np.int64)))
            kept = (ours != others) & (similarity >= least)
            mirrored = np.full(int(kept.sum()), query.mirrored)
            found.append((ours[kept], others[kept], similarity[kept], mirrored))
        return found


def _describe(views: resemblance.Views, pool: ThreadPoolExecutor) -> Described:
    """Describe all pictures as they are, in half precision to save memory: [N, 2, GRID²]."""
    described = np.empty((len(views), views.shape[1], resemblance.GRID**2), np.float16)

    def fill(start: int) -> None:
        chunk = slice(start, start + CHUNK)
        described[chunk] = np.stack(resemblance.index(views[chunk]), axis=1)

    list(pool.map(fill, range(0, len(views), CHUNK)))
    return described


def _once_each(found: list[Hits]) -> Pairs:
    """Keep each pair's best hit; on a tie the one without a flip."""
    nothing: Hits = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, bool))
    hits = [nothing, *found]
    one, other = (np.concatenate([hit[column] for hit in hits]) for column in (0, 1))
    similarity, mirrored = np.concatenate([hit[2] for hit in hits]), np.concatenate([hit[3] for hit in hits])
    first, second = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((mirrored, -similarity, second, first))
    first, second = first[order], second[order]
    new = np.ones(len(first), bool)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return Pairs(first[new], second[new], similarity[order][new], mirrored[order][new])
