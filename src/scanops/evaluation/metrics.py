"""Classification metrics under integer weights, for many weightings at once.

A bootstrap resample is a weighting of the same images, so every function takes `weights` of shape
[..., N] (non-negative integers; a weight of 2 means that the image is there twice) and answers for
all leading axes in one pass. `weights=None` counts each image once.

A class that has no image under a weighting has no recall and no AUROC there: both are NaN, and
macro averages run over the classes that have a value. An average without any is NaN.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float32]


def confusion(
    labels: Integers, predictions: Integers, classes: int, weights: Integers | None = None
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
    cells = np.zeros((len(labels), classes * classes))
    cells[np.arange(len(labels)), labels * classes + predictions] = 1.0
    counts = _as_floats(weights, len(labels)) @ cells
    return counts.reshape(*counts.shape[:-1], classes, classes)


def accuracy(counts: Floats) -> Floats:
    """Share of images taken for what they are.

    Args:
        counts: float64 [..., K, K] from `confusion`.

    Returns:
        float64 [...] in [0, 1]; NaN without images.
    """
    return _divide(_hits(counts).sum(-1), counts.sum((-2, -1)))


def recall(counts: Floats) -> Floats:
    """Share of each class's images that were found.

    Args:
        counts: float64 [..., K, K] from `confusion`.

    Returns:
        float64 [..., K] in [0, 1]; NaN for a class without images.
    """
    return _divide(_hits(counts), counts.sum(-1))


def precision(counts: Floats) -> Floats:
    """Share of the images taken for a class that belong to it.

    Args:
        counts: float64 [..., K, K] from `confusion`.

    Returns:
        float64 [..., K] in [0, 1]; NaN for a class that was never predicted.
    """
    return _divide(_hits(counts), counts.sum(-2))


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
    return macro(_divide(2.0 * _hits(counts), counts.sum(-1) + counts.sum(-2)))


def auroc(labels: Integers, probabilities: Probabilities, weights: Integers | None = None) -> Floats:
    """Area under the ROC curve of each class against the rest.

    The Mann-Whitney form: the chance that an image of the class scores above one of another class,
    ties counting a half (Hanley and McNeil 1982, Radiology 143:29-36).

    Args:
        labels: int64 [N] in [0, K).
        probabilities: float32 [N, K].
        weights: int64 [..., N] or None.

    Returns:
        float64 [..., K] in [0, 1]; NaN for a class that has no images, or all of them.
    """
    weighted = _as_floats(weights, len(labels))
    # Images along the first axis: sorting then moves whole rows, which is several times faster.
    rows = np.ascontiguousarray(weighted.reshape(-1, len(labels)).T)
    areas = [_area(labels == k, probabilities[:, k], rows) for k in range(probabilities.shape[1])]
    return np.stack(areas, axis=-1).reshape(*weighted.shape[:-1], len(areas))


def expected_calibration_error(
    labels: Integers, probabilities: Probabilities, bins: int, weights: Integers | None = None
) -> Floats:
    """Mean gap between confidence and accuracy over bins of equal width.

    ECE = Σ_b n_b/N |accuracy_b - confidence_b| for the top label, bins closed on the right
    (Guo et al. 2017, On Calibration of Modern Neural Networks, eq. 3).

    Args:
        labels: int64 [N] in [0, K).
        probabilities: float32 [N, K], rows add up to 1.
        bins: Number of bins over (0, 1].
        weights: int64 [..., N] or None.

    Returns:
        float64 [...] in [0, 1]; NaN without images.
    """
    weighted = _as_floats(weights, len(labels))
    confidence = probabilities.max(axis=1).astype(np.float64)
    gaps = np.zeros((len(labels), bins))
    correct = probabilities.argmax(axis=1) == labels
    gaps[np.arange(len(labels)), calibration_bin(confidence, bins)] = correct - confidence
    return _divide(np.abs(weighted @ gaps).sum(-1), weighted.sum(-1))


def calibration_bin(confidence: Floats, bins: int) -> Integers:
    """Put confidences into bins ((b-1)/bins, b/bins].

    Args:
        confidence: float64 [N] in [0, 1].
        bins: Number of bins.

    Returns:
        int64 [N] in [0, bins).
    """
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def macro(values: Floats) -> Floats:
    """Average over the classes that have a value.

    Args:
        values: float64 [..., K], NaN where a class has none.

    Returns:
        float64 [...]; NaN where no class has one.
    """
    return _divide(np.nansum(values, axis=-1), (~np.isnan(values)).sum(-1).astype(np.float64))


def _area(positive: npt.NDArray[np.bool_], scores: Probabilities, rows: Floats) -> Floats:
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    ties = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    weights = rows[order]
    inside = weights * positive[order, None]
    positives = np.add.reduceat(inside, ties, axis=0)
    negatives = np.add.reduceat(weights - inside, ties, axis=0)
    below = np.cumsum(negatives, axis=0) - negatives / 2.0
    return _divide((positives * below).sum(0), positives.sum(0) * negatives.sum(0))


def _hits(counts: Floats) -> Floats:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _as_floats(weights: Integers | None, images: int) -> Floats:
    return np.ones(images) if weights is None else np.asarray(weights, np.float64)


def _divide(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan))
