"""A share of the work of `evaluate`, for a process of its own: a few images, or one kind of strangers.

Little is imported here, since each run starts a process that imports it again. It answers on one thread: no
core waits for another, and the answers are the same on any number of cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scanops import imaging
from scanops.abstention import Why
from scanops.bundle import batch
from scanops.bundle.predictor import Predictor
from scanops.evaluation import thumbnails

# So few that what all processes hold in their graphs stays within two batches of the predictor's own size.
IMAGES = 8


@dataclass(frozen=True, repr=False)
class Files:
    """Some images of a split.

    Attributes:
        paths: At least one.
        answered: Whether the bundle is asked about them.
    """

    paths: Sequence[str]
    answered: bool

    def __repr__(self) -> str:
        return f"{len(self.paths)} images from {self.paths[0]} on"


@dataclass(frozen=True)
class Strangers:
    """Pictures that are no head scans.

    Attributes:
        kind: One of `strangers.KINDS`.
        count: How many.
        seed: Of the pictures.
    """

    kind: str
    count: int
    seed: int


@dataclass(frozen=True)
class Seen:
    """What is left of a share.

    Attributes:
        thumbnails: uint8 [n, S], see `thumbnails.shrink`; None of strangers.
        probabilities: float32 [n, K]; None where the bundle was not asked.
        why: Why there is no answer, for each picture that it was asked about.
        images: Pictures that were to be cropped.
        fallbacks: Those of them that had no head to crop to.
    """

    thumbnails: imaging.Pixels | None
    probabilities: npt.NDArray[np.float32] | None
    why: Sequence[Why | None]
    images: int = 0
    fallbacks: int = 0


def look(share: Files | Strangers, bundle: Path, raw: Path, side_px: int) -> Seen:
    """Do a share.

    Args:
        share: Which pictures.
        bundle: The bundle's folder.
        raw: The folder of images.
        side_px: Side of a thumbnail.

    Returns:
        What is left of them.

    Raises:
        ConfigError: The bundle or a file is missing or cannot be read.
        ImageError: A file's content cannot be used.
    """
    predictor = _predictor(bundle)
    if isinstance(share, Strangers):
        return Seen(None, None, _meet(predictor, share))
    tally = imaging.CropTally() if share.answered else None
    pixels = batch.stack(predictor, raw, share.paths, tally)
    small = thumbnails.shrink(pixels, side_px)
    if tally is None:
        return Seen(small, None, ())
    verdict = predictor.answer(pixels)
    return Seen(small, verdict.prediction.probabilities, verdict.why, tally.images, tally.fallbacks)


def _meet(predictor: Predictor, share: Strangers) -> list[Why | None]:
    """Show the bundle strangers the same way as scans."""
    from scanops.data import strangers  # noqa: PLC0415 -- SciPy's filters, for bundles that abstain alone

    why: list[Why | None] = []
    drawn = list(strangers.draw(share.kind, share.count, share.seed))
    for start in range(0, len(drawn), IMAGES):
        shown = [
            predictor.fit_input(imaging.Decoded(picture, "PNG", picture.mode, *picture.size))
            for picture in drawn[start : start + IMAGES]
        ]
        why += predictor.answer(np.stack(shown)).why
    return why


@lru_cache(maxsize=1)
def _predictor(bundle: Path) -> Predictor:
    return Predictor(bundle, threads=1)
