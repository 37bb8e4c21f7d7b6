"""Fit the novelty score on training pictures; what is fitted is small and goes into the bundle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.covariance import ledoit_wolf_shrinkage

from scanops.errors import VerdictError
from scanops.novelty import Cloud, Floats

# Axes kept: the file stays below a megabyte for 2,048 numbers, a score below 0.1 ms.
EMBEDDING_AXES, LOOKS_AXES = 64, 32
# Of the median spread: what hardly varies in training (a dead unit, a black corner) is to count for much
# when it does vary, but not without end.
LEAST_SPREAD = 0.3
# Of the distances of pictures that the network has not learnt from: with this as its unit, neither view alone
# says where the limit lies. A network that was fine-tuned puts its own training pictures far closer together.
USUAL = 0.95
TINY = 1e-6


def fit(described: Floats, labels: npt.NDArray[np.int64], most_axes: int) -> Cloud:
    """Fit one cloud.

    Each number is divided by its spread within classes; the covariance of what is left is shrunk towards a
    sphere as far as is best for so few pictures (Ledoit and Wolf 2004, doi:10.1016/S0047-259X(03)00096-4).

    Args:
        described: float32 [N, D], of the training pictures.
        labels: int64 [N], their classes, each of 0 to K - 1 at least once.
        most_axes: How many axes to keep, at most.

    Returns:
        The cloud. Numbers that are all equal, and fewer pictures than numbers, are no obstacle.

    Raises:
        VerdictError: There are fewer than two pictures, or a number is not finite.
    """
    values = described.astype(np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        raise VerdictError(
            "the training pictures",
            f"cannot say what is unlike them: {len(values)} pictures, or numbers that are not finite",
            "Add data, or look for a training run that diverged",
        )
    members = [values[labels == place] for place in range(int(labels.max()) + 1)]
    centres = np.stack([member.mean(axis=0) for member in members])
    within = values - centres[labels]
    scales = _scales(within.std(axis=0))
    spreads, axes, rest = _axes(within / scales, most_axes)
    arrays = (scales, centres / scales, axes, spreads, rest, 1.0)
    cloud = Cloud(*(np.asarray(array, np.float32) for array in arrays))
    usual = np.median(cloud.distance(described))
    return cloud._replace(usual=np.maximum(usual, np.float32(TINY)))


def measure_by(cloud: Cloud, described: Floats) -> Cloud:
    """Give distances another unit: what one head scan in twenty exceeds.

    Args:
        cloud: What `fit` returned.
        described: float32 [N, D], of pictures that the network has not learnt from.

    Returns:
        The same cloud, in that unit.
    """
    unit = np.float32(np.quantile(cloud.distance(described), USUAL, method="higher"))
    return cloud._replace(usual=np.maximum(cloud.usual * unit, np.float32(TINY)))


def _scales(spreads: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    varying = spreads[spreads > TINY]
    return np.maximum(spreads, LEAST_SPREAD * np.median(varying) if varying.size else 1.0)


def _axes(
    scaled: npt.NDArray[np.float64], most: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Find the longest axes, the variances along them, and the mean variance along all others."""
    count, width = scaled.shape
    variances, axes = np.linalg.eigh(scaled.T @ scaled / count)
    shrinkage = float(ledoit_wolf_shrinkage(scaled, assume_centered=True))
    shrunk = (1 - shrinkage) * np.maximum(variances, 0) + shrinkage * variances.mean()
    longest_first = np.maximum(shrunk[::-1], TINY)
    kept = min(most, width - 1)
    return longest_first[:kept], axes[:, ::-1][:, :kept], float(longest_first[kept:].mean())
