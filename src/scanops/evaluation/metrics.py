"""Classification metrics under integer weights, for many weightings at once.

A bootstrap resample is a weighting of the same images, so every function takes `weights` of shape
[..., N] (non-negative integers; a weight of 2 means that the image is there twice) and answers for
all leading axes in one pass. `weights=None` counts each image once.

A class that has no image under a weighting has no recall there: it is NaN, and macro averages run
over the classes that have a value. An average without any is NaN. What depends on the order of the
scores is in `ranking`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float32]
Weights = Integers | Floats  # whole numbers, whatever their type


def confusion(
    labels: Integers, predictions: Integers, classes: int, weights: Weights | None = None
) -> Floats:
    """Count images by what they are and what they were taken for.

    Args:
        labels: int64 [N] in [0, classes).
        predictions: int64 [N] in [0, classes).
        classes: Number of classes, K.
        weights: int64 [..., N] or None.

    Returns:
        float64 [..., K, K], rows the actual class, columns the predicted one; whole numbers.
    """
    return counter(labels, [predictions], classes)(weights)[..., 0, :, :]


def counter(
    labels: Integers,
    predictions: Sequence[Integers],
    classes: int,
    members: Sequence[npt.NDArray[np.bool_]] = (),
) -> Callable[[Weights | None], Floats]:
    """Prepare to count several classifiers' answers, or several parts of the images, in one pass.

    Args:
        labels: int64 [N] in [0, classes).
        predictions: int64 [N] each, one or M of them.
        classes: Number of classes, K.
        members: bool [N] each, which images to count: none for all, or as many as `predictions`; for one
            classifier any M.

    Returns:
        From weights, see `confusion`, to float64 [..., M, K, K].
    """
    parts, images = max(len(predictions), len(members)), len(labels)
    taken = np.broadcast_to(labels * classes + np.stack(predictions), (parts, images))
    held = np.stack(members) if members else np.ones((1, images), np.bool_)
    place, image = np.nonzero(np.broadcast_to(held, (parts, images)))
    # An image is in few of the cells: a sparse product adds up just those.
    cells = sparse.csr_array(
        (np.ones(len(image)), (place * classes**2 + taken[place, image], image)), (parts * classes**2, images)
    )

    def count(weights: Weights | None) -> Floats:
        counted = repetitions(weights, images)
        counts = (cells @ counted.reshape(math.prod(counted.shape[:-1]), images).T).T
        return np.asarray(counts.reshape(*counted.shape[:-1], parts, classes, classes))

    return count


def accuracy(counts: Floats) -> Floats:
    """Share of images taken for what they are.

    Args:
        counts: float64 [..., K, K] from `confusion`.

    Returns:
        float64 [...] in [0, 1]; NaN without images.
    """
    return divide(_hits(counts).sum(-1), counts.sum((-2, -1)))


def recall(counts: Floats) -> Floats:
    """Share of each class's images that were found.

    Args:
        counts: float64 [..., K, K] from `confusion`.

    Returns:
        float64 [..., K] in [0, 1]; NaN for a class without images.
    """
    return divide(_hits(counts), counts.sum(-1))


def precision(counts: Floats) -> Floats:
    """Share of the images taken for a class that belong to it.

    Args:
        counts: float64 [..., K, K] from `confusion`.

    Returns:
        float64 [..., K] in [0, 1]; NaN for a class that was never predicted.
    """
    return divide(_hits(counts), counts.sum(-2))


def specificity(counts: Floats) -> Floats:
    """Share of the other classes' images that were not taken for a class.

    Args:
        counts: float64 [..., K, K] from `confusion`.

    Returns:
        float64 [..., K] in [0, 1]; NaN for a class that all images belong to.
    """
    others = counts.sum((-2, -1))[..., None] - counts.sum(-1)
    return divide(others - (counts.sum(-2) - _hits(counts)), others)


def balanced_accuracy(counts: Floats) -> Floats:
    """Mean recall over the classes that have images.

    Args:
        counts: float64 [..., K, K] from `confusion`.

    Returns:
        float64 [...] in [0, 1].
    """
    return macro(recall(counts))


def macro_f1(counts: Floats) -> Floats:
    """Mean over classes of F1 = 2 TP / (2 TP + FP + FN).

    A class counts when it has images or was predicted: one that was predicted without having
    images scores 0, one with neither is left out, as in scikit-learn's `f1_score`.

    Args:
        counts: float64 [..., K, K] from `confusion`.

    Returns:
        float64 [...] in [0, 1].
    """
    return macro(divide(2.0 * _hits(counts), counts.sum(-1) + counts.sum(-2)))


def macro(values: Floats) -> Floats:
    """Average over the classes that have a value.

    Args:
        values: float64 [..., K], NaN where a class has none.

    Returns:
        float64 [...]; NaN where no class has one.
    """
    return divide(np.nansum(values, axis=-1), (~np.isnan(values)).sum(-1).astype(np.float64))


def divide(above: Floats, below: Floats) -> Floats:
    """Divide where there is something to divide by.

    Args:
        above: float64 [...].
        below: float64 [...], not negative.

    Returns:
        float64 [...]; NaN where `below` is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan))


def _hits(counts: Floats) -> Floats:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def repetitions(weights: Weights | None, images: int) -> Floats:
    """Say how often each image counts.

    Args:
        weights: int64 [..., N] or None.
        images: N.

    Returns:
        float64 [..., N]; ones where no weights are given.
    """
    return np.ones(images) if weights is None else np.asarray(weights, np.float64)
