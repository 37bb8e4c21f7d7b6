"""How good probabilities are: calibration error and losses, under many weightings of the images at once.

Weights are those of `metrics`: a bootstrap resample is a weighting of the same images.
"""

from __future__ import annotations

import numpy as np

from scanops.evaluation.metrics import Floats, Integers, Probabilities, Weights, divide, repetitions


def expected_calibration_error(
    labels: Integers, probabilities: Probabilities, bins: int, weights: Weights | None = None
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
    weighted = repetitions(weights, len(labels))
    confidence = probabilities.max(axis=1).astype(np.float64)
    gaps = np.zeros((len(labels), bins))
    correct = probabilities.argmax(axis=1) == labels
    gaps[np.arange(len(labels)), bin_of(confidence, bins)] = correct - confidence
    return divide(np.abs(weighted @ gaps).sum(-1), weighted.sum(-1))


def brier_loss(labels: Integers, probabilities: Probabilities) -> Floats:
    """Squared distance of each image's probabilities from the truth, Σ_k (p_k - y_k)².

    Its mean is the Brier score in its first form, over all classes (Brier 1950, Monthly Weather
    Review 78:1-3): 0 is perfect, 1 - 1/K knows nothing, 2 is sure and wrong.

    Args:
        labels: int64 [N] in [0, K).
        probabilities: float32 [N, K], rows add up to 1.

    Returns:
        float64 [N] in [0, 2].
    """
    truth = np.eye(probabilities.shape[1])[labels]
    return np.asarray(np.square(probabilities - truth).sum(axis=1))


def log_loss(labels: Integers, probabilities: Probabilities) -> Floats:
    """Negative log-likelihood of each image's class, in nats.

    Args:
        labels: int64 [N] in [0, K).
        probabilities: float32 [N, K], rows add up to 1.

    Returns:
        float64 [N] in [0, 88]: a probability of zero counts as the smallest that float32 holds in full.
    """
    likelihood = probabilities[np.arange(len(labels)), labels]
    return -np.log(np.maximum(likelihood, np.finfo(np.float32).tiny).astype(np.float64))


def mean(losses: Floats, weights: Weights | None = None) -> Floats:
    """Average a loss over the images.

    Args:
        losses: float64 [N].
        weights: int64 [..., N] or None.

    Returns:
        float64 [...]; NaN without images.
    """
    weighted = repetitions(weights, len(losses))
    return divide(weighted @ losses, weighted.sum(-1))


def bin_of(confidence: Floats, bins: int) -> Integers:
    """Put confidences into bins ((b-1)/bins, b/bins].

    Args:
        confidence: float64 [N] in [0, 1].
        bins: Number of bins.

    Returns:
        int64 [N] in [0, bins).
    """
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
