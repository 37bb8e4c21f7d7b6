"""What the order of a class's scores is worth, under many weightings of the images at once.

Sorting is what costs, so images are ranked once a class, and every measure reads the same ranking.
Weights are those of `metrics`: non-negative integers, any leading axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanops.evaluation.metrics import Floats, Integers, Probabilities, Weights, divide


@dataclass(frozen=True)
class Ranking:
    """How many images score at least each distinct score, highest score first.

    Attributes:
        inside: float64 [T, B], weight of the class's own images down to each of T scores.
        outside: float64 [T, B], weight of the other images.
    """

    inside: Floats
    outside: Floats


def rank(labels: Integers, probabilities: Probabilities, weights: Weights | None = None) -> list[Ranking]:
    """Rank the images by the score of each class.

    Args:
        labels: int64 [N] in [0, K).
        probabilities: float32 [N, K].
        weights: int64 [B, N], or None to count each image once (B = 1).

    Returns:
        A ranking a class.
    """
    counted = np.ones((1, len(labels))) if weights is None else np.asarray(weights, np.float64)
    # Images along the first axis: sorting then moves whole rows, which is several times faster.
    rows = np.ascontiguousarray(counted.T)
    return [_rank(labels == k, probabilities[:, k], rows) for k in range(probabilities.shape[1])]


def auroc(ranking: Ranking) -> Floats:
    """Area under the ROC curve of the class against the rest.

    The Mann-Whitney form: the chance that an image of the class scores above one of another class,
    ties counting a half (Hanley and McNeil 1982, Radiology 143:29-36).

    Args:
        ranking: Of one class.

    Returns:
        float64 [B] in [0, 1]; NaN where the class has no images, or all of them.
    """
    gained = np.diff(ranking.inside, axis=0, prepend=0.0)
    # Below a score: all others less those at or above it; those at the same score count a half.
    lost = ranking.outside - np.diff(ranking.outside, axis=0, prepend=0.0) / 2.0
    inside, outside = ranking.inside[-1], ranking.outside[-1]
    return divide((gained * (outside - lost)).sum(0), inside * outside)


def average_precision(ranking: Ranking) -> Floats:
    """Area under the precision-recall curve as a sum of steps, Σ (R_t - R_{t-1}) P_t.

    Not interpolated, since lines between the points flatter (Davis and Goadrich 2006,
    doi:10.1145/1143844.1143874); as scikit-learn's `average_precision_score`.

    Args:
        ranking: Of one class.

    Returns:
        float64 [B] in [0, 1]; NaN where the class has no images, or all of them.
    """
    gained = np.diff(ranking.inside, axis=0, prepend=0.0)
    taken = ranking.inside + ranking.outside
    precision = np.divide(ranking.inside, taken, out=np.zeros_like(taken), where=taken > 0)
    area = divide((gained * precision).sum(0), ranking.inside[-1])
    return np.where(ranking.outside[-1] > 0, area, np.nan)


def sensitivity(negative: Ranking, specificity: float) -> Floats:
    """Share of the other classes' images that are found while a class's own are spared.

    An image counts as found when its score for the class is below a threshold, the highest that leaves
    at least the given share of the class's own images above or at it: a point of the curve,
    nothing is interpolated.

    Args:
        negative: Ranking of the class that means "nothing to find".
        specificity: Least share of its images to spare, in (0, 1].

    Returns:
        float64 [B] in [0, 1]; NaN where the class has no images, or all of them.
    """
    inside, outside = negative.inside[-1], negative.outside[-1]
    # A hair less than the share: 0.9 of 10 images is 9, whatever the last bit of the product says.
    short = negative.inside < specificity * inside - 1e-9
    last = np.minimum(short.sum(0), len(short) - 1)
    missed = np.take_along_axis(negative.outside, last[None], axis=0)[0]
    return np.where(inside > 0, divide(outside - missed, outside), np.nan)


def _rank(member: npt.NDArray[np.bool_], scores: Probabilities, rows: Floats) -> Ranking:
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last_of_tie = np.flatnonzero(np.concatenate((ranked[1:] != ranked[:-1], [True])))
    weights = rows[order]
    total = np.cumsum(weights, axis=0)[last_of_tie]
    weights *= member[order, None]
    inside = np.cumsum(weights, axis=0)[last_of_tie]
    return Ranking(inside, total - inside)
