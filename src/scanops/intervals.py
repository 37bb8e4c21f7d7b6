"""Percentile intervals from a bootstrap over groups.

Images of one group (one patient, near duplicates) are not independent, so whole groups are drawn
with replacement (cluster bootstrap; Davison and Hinkley 1997, Bootstrap Methods and their
Application, §3.8). Drawing G of G groups is one multinomial count a group, hence a weighting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanops.errors import VerdictError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
# From weights int64 [B, N] to float64 [B] a name.
Statistic = Callable[[Integers], Mapping[str, Floats]]
TAILS = (2.5, 97.5)
# Weights held at a time. A constant, so that memory is bounded and results depend on no machine.
CHUNK = 1_000_000


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval.

    Attributes:
        value: On the images as they are; NaN when undefined.
        low: Lower end; NaN when undefined.
        high: Upper end; NaN when undefined.
    """

    value: float
    low: float
    high: float


def bootstrap(
    statistic: Statistic, groups: npt.NDArray[np.generic], *, resamples: int, seed: int, split: str = "test"
) -> dict[str, Interval]:
    """Put a 95 % interval around each value of a statistic.

    All values of one call share their resamples, so the interval of a difference that the
    statistic itself returns is a paired one.

    Args:
        statistic: Takes weights int64 [B, N], returns float64 [B] a name.
        groups: [N], what group each image belongs to.
        resamples: Number of resamples.
        seed: Seed of the draws; the same seed gives the same intervals.
        split: What a message calls the images.

    Returns:
        An interval a name.

    Raises:
        VerdictError: There are fewer than two groups, so nothing is known of their spread.
    """
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise VerdictError(
            f"{split} split",
            f"holds {len(names)} group(s), too few for an interval",
            f"Add data, or raise the share of `{split}` in split.fractions",
        )
    point = statistic(np.ones((1, len(member)), np.int64))
    draws = _resample(statistic, member, len(names), resamples, np.random.default_rng(seed))
    return {name: Interval(float(value[0]), *_ends(draws[name])) for name, value in point.items()}


def _resample(
    statistic: Statistic, member: npt.NDArray[np.intp], groups: int, resamples: int, rng: np.random.Generator
) -> dict[str, Floats]:
    step = max(1, CHUNK // len(member))
    parts = []
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        counts = rng.multinomial(groups, np.full(groups, 1.0 / groups), size=size)
        parts.append(statistic(counts[:, member]))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _ends(draws: Floats) -> tuple[float, float]:
    """Take the percentiles; an undefined draw counts as the worst on either side."""
    missing = np.isnan(draws)
    ordered = np.sort(np.where(missing, -np.inf, draws)), np.sort(np.where(missing, np.inf, draws))
    low, high = (_percentile(values, tail) for values, tail in zip(ordered, TAILS, strict=True))
    return low, high


def _percentile(ordered: Floats, percent: float) -> float:
    position = (len(ordered) - 1) * percent / 100.0
    below, above = float(ordered[math.floor(position)]), float(ordered[math.ceil(position)])
    if not (math.isfinite(below) and math.isfinite(above)):
        return math.nan
    return below + (above - below) * (position - math.floor(position))
