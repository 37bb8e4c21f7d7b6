"""One number that makes confidence honest, fitted on validation and applied wherever a bundle answers.

A network's softmax is mostly surer than it is right. Dividing its logits by a temperature T leaves the
order of the classes alone and moves the confidence (Guo et al. 2017, On Calibration of Modern Neural
Networks, §4.2, temperature scaling).
The logits are known up to a constant from the probabilities, which is all that a softmax forgets:
softmax(z / T) = p^(1/T) / Σ p^(1/T).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Beyond these the validation split says more of itself than of the network.
LOWEST, HIGHEST = 0.25, 10.0
DIGITS = 4
# Halvings of the interval of 1/T: far below the digits that are kept.
STEPS = 60


def scale(probabilities: Probabilities, temperature: float) -> Probabilities:
    """Apply a temperature; `1 / temperature` takes it back.

    Args:
        probabilities: float32 [N, K] in [0, 1], rows add up to 1.
        temperature: Above 1 flattens, below 1 sharpens, 1 returns the very same array.

    Returns:
        float32 [N, K], rows add up to 1. A row that is not finite stays so.
    """
    if temperature == 1.0:
        return probabilities
    return _softmax(_logits(probabilities) / temperature).astype(np.float32)


def fit(probabilities: Probabilities, labels: Integers) -> float:
    """Find the temperature that makes the labels likeliest.

    The negative log-likelihood is convex in 1/T, so the sign of its slope leads to the one minimum
    by halving: no start value, no step size, the same answer always. Where every label is got right
    there is no minimum (the sharper the likelier, without end), and nothing is known of how
    often the network errs: the answer is then 1.

    Args:
        probabilities: float32 [N, K] of pictures that the network has not learnt from.
        labels: int64 [N] in [0, K).

    Returns:
        The temperature in [0.25, 10], with four decimals.
    """
    logits, places = _logits(probabilities), np.arange(len(labels))
    if not np.isfinite(logits).all() or (logits.argmax(axis=1) == labels).all():
        return 1.0
    low, high = 1.0 / HIGHEST, 1.0 / LOWEST
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        # The slope of the mean loss in 1/T: the expected logit less the true class's.
        slope = (_softmax(logits * middle) * logits).sum(axis=1) - logits[places, labels]
        low, high = (low, middle) if slope.mean() > 0 else (middle, high)
    return round(2.0 / (low + high), DIGITS)


def _logits(probabilities: Probabilities) -> Floats:
    # A probability that float32 could not tell from zero counts as the smallest one that it holds in full.
    return np.log(np.maximum(probabilities, np.finfo(np.float32).tiny).astype(np.float64))


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
