"""From many image files to many answers: decoding in threads, a bounded number of images in memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from scanops import imaging
from scanops.bundle.predictor import Prediction, Predictor
from scanops.errors import ConfigError

BATCH_SIZE = 32
Progress = Callable[[int], object]
# Images decoded ahead of the batch in use: memory stays bounded for any number of files.
AHEAD = 2 * BATCH_SIZE
# Pillow decodes outside the interpreter's lock; beyond some threads the disk is the limit.
WORKERS = min(8, (os.cpu_count() or 1) + 1)


def read(
    predictor: Predictor,
    root: Path,
    paths: Sequence[str],
    progress: Progress | None = None,
    tally: imaging.CropTally | None = None,
) -> Generator[imaging.Pixels, None, None]:
    """Bring files to the graph's input, in order.

    Args:
        predictor: Knows the input of its graph.
        root: The folder that the paths are relative to.
        paths: As the manifest holds them, see `imaging.locate`.
        progress: Told the number of images after each batch.
        tally: Where to count images without a head to crop to.

    Yields:
        uint8 [n, size_px, size_px, 3] with n = BATCH_SIZE, fewer in the last batch.

    Raises:
        ConfigError: A file is missing or cannot be read.
        ImageError: A file's content cannot be used.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting = deque(pool.submit(_prepare, predictor, root, path, tally) for path in paths[:AHEAD])
        batch: list[imaging.Pixels] = []
        try:
            for position in range(len(paths)):
                batch.append(waiting.popleft().result())
                waiting.extend(
                    pool.submit(_prepare, predictor, root, path, tally)
                    for path in paths[position + AHEAD : position + AHEAD + 1]
                )
                if len(batch) == BATCH_SIZE or position == len(paths) - 1:
                    yield np.stack(batch)
                    if progress is not None:
                        progress(len(batch))
                    batch = []
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def stack(
    predictor: Predictor, root: Path, paths: Sequence[str], tally: imaging.CropTally | None = None
) -> imaging.Pixels:
    """Bring a few files to the graph's input, in this thread.

    Args:
        predictor: Knows the input of its graph.
        root: The folder that the paths are relative to.
        paths: See `read`; at least one.
        tally: See `read`.

    Returns:
        uint8 [n, size_px, size_px, 3].

    Raises:
        ConfigError: A file is missing or cannot be read.
        ImageError: A file's content cannot be used.
    """
    return np.stack([_prepare(predictor, root, path, tally) for path in paths])


def predict(
    predictor: Predictor,
    root: Path,
    paths: Sequence[str],
    progress: Progress | None = None,
    tally: imaging.CropTally | None = None,
) -> Iterator[tuple[imaging.Pixels, Prediction]]:
    """Answer for files, in order.

    Args:
        predictor: The bundle.
        root: The folder that the paths are relative to.
        paths: As the manifest holds them, see `imaging.locate`.
        progress: Told the number of images after each batch.
        tally: See `read`.

    Yields:
        The input of a batch, see `read`, and the answers for it.

    Raises:
        ConfigError: A file is missing or cannot be read.
        ImageError: A file's content cannot be used.
    """
    for batch in read(predictor, root, paths, progress, tally):
        yield batch, predictor.predict(batch)


def _prepare(predictor: Predictor, root: Path, path: str, tally: imaging.CropTally | None) -> imaging.Pixels:
    try:
        image = imaging.read(root, path, form=predictor.form)
    except OSError as error:
        raise ConfigError(
            str(root / path), f"cannot be read ({error.strerror})", "Fetch the data again with `make repro`"
        ) from error
    return predictor.fit_input(image, tally)
