"""From one file of a folder to its rows, in a worker process: what kills its decoder kills that alone."""

from __future__ import annotations

import itertools
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scanops import filenames, imaging, plain_files
from scanops.bundle.batch import BATCH_SIZE
from scanops.bundle.predictor import Predictor
from scanops.errors import ImageError

MAX_FRAMES = 1000  # of one DICOM file, as in validation


class Row(NamedTuple):
    """What is said of one picture.

    Attributes:
        path: Relative POSIX path, as `filenames.to_text` writes it; of one frame of several see
            `imaging.frame_path`.
        predicted: The likeliest class; None where there is an error, as in the next three.
        probabilities: One a class, in the bundle's order.
        abstained: Whether the class is not to be relied on.
        why: Why the bundle abstains, if it does.
        error: Why there is no answer: a defect kind of the manifest, or `unreadable`; else None.
    """

    path: str
    predicted: str | None = None
    probabilities: tuple[float, ...] | None = None
    abstained: bool | None = None
    why: str | None = None
    error: str | None = None


def answer(path: str, bundle: Path, root: Path) -> list[Row]:
    """Answer for every picture of one file.

    Args:
        path: Relative POSIX path.
        bundle: The bundle's folder; it is loaded once a process.
        root: The folder that the path is relative to.

    Returns:
        One row, or one a frame. A file that cannot be used gets a row with its error, never an exception.
    """
    predictor = _load(bundle)
    try:
        data = plain_files.read(root / filenames.to_file(path))
        images = imaging.decode_frames(data, max_frames=MAX_FRAMES, form=predictor.form)
        rows: list[Row] = []
        while some := [predictor.fit_input(image) for image in itertools.islice(images, BATCH_SIZE)]:
            rows += _answer_batch(predictor, path, np.stack(some))
    except ImageError as error:
        return [Row(path, error=error.kind)]
    except OSError:
        return [Row(path, error="unreadable")]
    if len(rows) == 1:
        return rows
    return [row._replace(path=imaging.frame_path(path, number)) for number, row in enumerate(rows)]


def lost(path: str) -> list[Row]:
    """Describe a file that ended the process that decoded it.

    Args:
        path: Relative POSIX path.
    """
    return [Row(path, error="undecodable")]


@lru_cache(maxsize=1)
def _load(bundle: Path) -> Predictor:
    return Predictor(bundle, threads=1)  # a process for each core is more than a core for each step


def _answer_batch(predictor: Predictor, path: str, batch: imaging.Pixels) -> list[Row]:
    verdict, classes = predictor.answer(batch), predictor.bundle.classes
    return [
        Row(path, classes[int(given.argmax())], tuple(map(float, given)), why is not None, why)
        for given, why in zip(verdict.prediction.probabilities, verdict.why, strict=True)
    ]
