"""Which test images are worth showing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanops.evaluation.metrics import Integers, Probabilities


def choose(labels: Integers, probabilities: Probabilities, count: int = 16) -> Integers:
    """Pick images for the grid: up to half the most confident mistakes, then right answers.

    Right answers are spread evenly over the list, which is sorted by path, so each class's folder
    has its share.

    Args:
        labels: int64 [N].
        probabilities: float32 [N, K].
        count: Number of images, at most.

    Returns:
        int64 [min(count, N)], mistakes first.
    """
    wrong = probabilities.argmax(axis=1) != labels
    surest = np.argsort(-probabilities.max(axis=1), kind="stable")
    mistakes, right = surest[wrong[surest]], np.flatnonzero(~wrong)
    shown = min(len(mistakes), max(count // 2, count - len(right)))
    others = min(len(right), count - shown)
    spread = np.linspace(0, len(right) - 1, others).round().astype(np.int64)
    return np.concatenate([mistakes[:shown], right[spread]]).astype(np.int64)


def titles(
    labels: Integers, probabilities: Probabilities, classes: Sequence[str], chosen: Integers
) -> list[str]:
    """Say of each chosen image what it is and what it was taken for.

    Args:
        labels: int64 [N].
        probabilities: float32 [N, K].
        classes: K names.
        chosen: int64 [n], places in the arrays.

    Returns:
        n titles of three lines.
    """
    best, surest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return [
        f"actual: {classes[labels[i]]}\npredicted: {classes[best[i]]}\nconfidence {surest[i]:.0%}"
        for i in chosen
    ]
