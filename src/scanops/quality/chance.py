"""How far answers are above chance, with intervals over groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanops.intervals import Floats, Integers, Interval, bootstrap

RESAMPLES, SEED = 1000, 7


@dataclass(frozen=True)
class Score:
    """How well the class was told.

    Attributes:
        accuracy: Of the answers that aim at it, 0 to 1.
        balanced_accuracy: Mean recall of the classes, of the answers that aim at it, 0 to 1.
        above_chance: The larger of the lower ends of two paired 95 % intervals: of accuracy less the
            share of the largest class, and of balanced accuracy less one by the number of classes. The
            first is blind where one class is nearly all, the second is not.
        majority: Share of the largest class.
        classes: Number of classes.
        images: Number of answers.
    """

    accuracy: Interval
    balanced_accuracy: Interval
    above_chance: float
    majority: float
    classes: int
    images: int


def score(
    labels: Integers, groups: npt.NDArray[np.generic], answers: Mapping[str, tuple[Integers, Integers]]
) -> dict[str, Score]:
    """Score several answers for the same images on the same resamples.

    Args:
        labels: int64 [N] in [0, K), each class at least once.
        groups: [N], what group each image belongs to; at least two.
        answers: A name's two int64 [N]: answers for accuracy, answers for balanced accuracy.

    Returns:
        A score a name.
    """
    order = np.argsort(labels, kind="stable")
    labels, groups = labels[order], groups[order]
    sizes = np.bincount(labels)
    starts, largest = np.concatenate([[0], np.cumsum(sizes)[:-1]]), int(sizes.argmax())
    hits = {name: [part[order] == labels for part in pair] for name, pair in answers.items()}

    def statistic(weights: Integers) -> dict[str, Floats]:
        drawn, total = np.add.reduceat(weights, starts, axis=1), weights.sum(axis=1)
        values = {}
        for name, (likely, even) in hits.items():
            accuracy = weights[:, likely].sum(axis=1) / total
            right = np.add.reduceat(weights * even, starts, axis=1)
            balanced = _mean_recall(right, drawn)
            values[f"{name}.accuracy"], values[f"{name}.balanced"] = accuracy, balanced
            values[f"{name}.gain"] = accuracy - drawn[:, largest] / total
            values[f"{name}.lift"] = balanced - 1 / len(sizes)
        return values

    found = bootstrap(statistic, groups, resamples=RESAMPLES, seed=SEED)
    return {
        name: Score(
            accuracy=found[f"{name}.accuracy"],
            balanced_accuracy=found[f"{name}.balanced"],
            above_chance=round(max(found[f"{name}.gain"].low, found[f"{name}.lift"].low), 6),
            majority=float(sizes.max() / len(labels)),
            classes=len(sizes),
            images=len(labels),
        )
        for name in answers
    }


def _mean_recall(right: Integers, drawn: Integers) -> Floats:
    """Average over the classes that a resample holds."""
    recall = np.divide(right, drawn, out=np.zeros(right.shape), where=drawn > 0)
    return np.asarray(recall.sum(axis=1) / (drawn > 0).sum(axis=1), np.float64)
