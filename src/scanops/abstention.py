"""When a model keeps its answer to itself: two limits, chosen so that few head scans are turned away.

Both are conformal quantiles of the validation pictures' scores: a new picture of the same kind is beyond
the limit with at most the probability asked for, whatever the scores' distribution (Vovk et al. 2005,
Algorithmic Learning in a Random World, §4.2). Pictures of one patient are alike, so a group counts
once, its pictures sharing its weight (Lee, Barber and Willett 2023, arXiv:2306.06342).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from scanops.errors import VerdictError

Floats = npt.NDArray[np.floating]
Why = Literal["unlike_training", "low_confidence"]
UNLIKE: Why = "unlike_training"
UNSURE: Why = "low_confidence"
# Limits are rounded away from the heads: the last bits of a score differ between processors.
DIGITS = 6


@dataclass(frozen=True)
class Limits:
    """Beyond which a model abstains.

    Attributes:
        novelty: Largest score of a picture that is answered, see `novelty.Novelty.score`.
        confidence: Least probability of the likeliest class; 0 answers however unsure the model is.
        false_rejection: Share of head scans that are turned away at most, in the mean over validation splits.
    """

    novelty: float
    confidence: float
    false_rejection: float


def choose(
    novelty: Floats,
    confidence: Floats,
    groups: npt.NDArray[np.generic],
    max_false_rejection: float,
    low_confidence_share: float,
) -> Limits:
    """Choose both limits on pictures that the network has not learnt from.

    Args:
        novelty: float [N], their scores.
        confidence: float [N], the calibrated probability of the likeliest class.
        groups: [N], what group each belongs to.
        max_false_rejection: Share of head scans to turn away at most, for both reasons together.
        low_confidence_share: How much of it is for a lack of confidence. It is all for novelty where the
            groups are too few to grant both: then a single odd scan would set the limit for all strangers.

    Returns:
        The limits. Where the groups are too few for the share asked for (one over their number plus one
        is the least that can be promised) the limit is the largest score, and `false_rejection` says so.

    Raises:
        VerdictError: There is no picture.
    """
    if not len(novelty):
        raise VerdictError(
            "val split", "holds no picture to choose limits by", "Raise its share in split.fractions"
        )
    least = 1.0 / (len(np.unique(groups)) + 1)
    unsure = max_false_rejection * low_confidence_share
    if max_false_rejection - unsure < 2 * least:
        unsure = 0.0
    doubt = quantile(1.0 - confidence.astype(np.float64), groups, unsure)
    spared = max_false_rejection - (unsure if doubt is not None else 0.0)
    far = quantile(novelty, groups, spared)
    return Limits(
        _round_up(float(np.max(novelty)) if far is None else far),
        0.0 if doubt is None else math.floor((1.0 - doubt) * 10**DIGITS) / 10**DIGITS,
        max_false_rejection if far is not None else max_false_rejection - spared + least,
    )


def quantile(scores: Floats, groups: npt.NDArray[np.generic], most: float) -> float | None:
    """Find the limit that a picture of a new group exceeds with at most a given probability.

    Args:
        scores: float [N].
        groups: [N], what group each belongs to; groups are exchangeable, and so are pictures within one.
        most: That probability, in [0, 1].

    Returns:
        One of the scores; None where the groups are too few: with G of them nothing below 1 / (G + 1) holds.
    """
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    # The new group has a weight as well; it lies beyond all scores, for all that is known.
    weights = 1.0 / ((len(sizes) + 1) * sizes[member])
    order = np.argsort(scores, kind="stable")
    # Sums of many weights miss the exact value by rounding.
    reached = np.flatnonzero(np.cumsum(weights[order]) >= 1.0 - most - 1e-9)
    return float(scores[order[reached[0]]]) if reached.size else None


def judge(novelty: Floats, confidence: Floats, limits: Limits | None) -> list[Why | None]:
    """Say for each picture why there is no answer.

    Args:
        novelty: float [N].
        confidence: float [N].
        limits: What `choose` returned; None answers everything.

    Returns:
        N reasons, None where there is an answer. A picture that is unlike training is called so
        however sure the model is: confidence says nothing there. What is not finite is unlike.
    """
    if limits is None:
        return [None] * len(novelty)
    unlike, unsure = ~(novelty <= limits.novelty), confidence < limits.confidence
    return [UNLIKE if far else UNSURE if low else None for far, low in zip(unlike, unsure, strict=True)]


def _round_up(value: float) -> float:
    if not value > 0 or not math.isfinite(value):
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) + 1 - DIGITS)
    return float(f"{math.ceil(value / unit) * unit:.{DIGITS}g}")
