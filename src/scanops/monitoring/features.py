"""What is remembered of one picture that was answered: a few numbers, no pixels and no names.

The training reference and the service's store are both made by `describe`, so that a difference between the
two is one of the pictures and not of the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from scanops.bundle.predictor import Predictor, Verdict
from scanops.imaging import Decoded

# Of the longest axes along which the training embeddings spread; the bundle records them in novelty.npz.
AXES = 4
# Levels are looked at on at most this many rows and columns: more would cost time and tell little.
SIDE_PX = 128
# Distances without end are kept as this, which sorts as they do and fits into any file.
FARTHEST = 1e9
DIGITS = 6  # that count; the last bits of a score differ between processors
ALONG = tuple(f"axis_{place + 1}" for place in range(AXES))
NUMBERS = ("area", "aspect", "mean", "std", "novelty", "confidence", *ALONG)
KINDS = ("predicted", "abstained")
ANSWERED = "answered"


@dataclass(frozen=True)
class Look:
    """What is measured of a decoded picture.

    Attributes:
        width: Stored width in pixels.
        height: Stored height in pixels.
        mean: Mean grey level, 0 to 255.
        std: Standard deviation of the grey levels.
    """

    width: int
    height: int
    mean: float
    std: float


@dataclass(frozen=True)
class Features:
    """What is kept of one picture and its answer.

    Attributes:
        area: Stored width times height, in square pixels.
        aspect: Stored width over height.
        mean: Mean grey level, 0 to 255.
        std: Standard deviation of the grey levels.
        novelty: How unlike training it is, see `Novelty.score`; None for a bundle that never abstains.
        confidence: Calibrated probability of the likeliest class.
        axis_1: Place of the embedding along the first axis of the bundle, see `Cloud.project`; None for a
            bundle without.
        axis_2: Along the second.
        axis_3: Along the third.
        axis_4: Along the fourth.
        predicted: The likeliest class.
        abstained: Why the bundle keeps its answer to itself, or `answered`.
    """

    area: float
    aspect: float
    mean: float
    std: float
    novelty: float | None
    confidence: float
    axis_1: float | None
    axis_2: float | None
    axis_3: float | None
    axis_4: float | None
    predicted: str
    abstained: str


def look(image: Decoded) -> Look:
    """Measure a decoded picture.

    Args:
        image: What `imaging.decode` returned.

    Returns:
        Its size, and its levels on at most 128 × 128 of its pixels.
    """
    picture = image.picture
    longest = max(picture.size)
    if longest > SIDE_PX:
        size = (max(1, picture.width * SIDE_PX // longest), max(1, picture.height * SIDE_PX // longest))
        picture = picture.resize(size, Image.Resampling.NEAREST)  # noise stays what it is
    grey = np.asarray(picture.convert("L"))
    return Look(image.width, image.height, float(grey.mean()), float(grey.std()))


def describe(predictor: Predictor, looks: Sequence[Look], verdict: Verdict) -> list[Features]:
    """Describe pictures that a bundle has answered.

    Args:
        predictor: The bundle.
        looks: N, what `look` returned for each.
        verdict: What `Predictor.answer` returned for them.

    Returns:
        N, in their order.
    """
    probabilities = verdict.prediction.probabilities
    places = predictor.project(verdict.prediction.embedding, AXES)
    axes: list[dict[str, float | None]] = [
        dict.fromkeys(ALONG) if places is None else dict(zip(ALONG, map(_kept, places[row]), strict=True))
        for row in range(len(looks))
    ]
    classes, scored = predictor.bundle.classes, predictor.limits is not None
    return [
        Features(
            area=_kept(one.width * one.height),
            aspect=_kept(one.width / one.height),
            mean=_kept(one.mean),
            std=_kept(one.std),
            novelty=_kept(verdict.novelty[row]) if scored else None,
            confidence=_kept(given.max()),
            **axes[row],
            predicted=classes[int(given.argmax())],
            abstained=verdict.why[row] or ANSWERED,
        )
        for row, (one, given) in enumerate(zip(looks, probabilities, strict=True))
    ]


def _kept(value: float) -> float:
    """Round and bound a number, so that any file can hold it."""
    bounded = float(np.clip(np.nan_to_num(value, nan=FARTHEST), -FARTHEST, FARTHEST))
    return float(f"{bounded:.{DIGITS}g}")
