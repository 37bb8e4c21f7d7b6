"""The intervals: they cover, they know groups, and they repeat."""

from __future__ import annotations

import numpy as np
import pytest

from scanops import intervals
from scanops.errors import VerdictError
from scanops.intervals import Floats, Integers, Statistic, bootstrap


def mean_of(values: Floats) -> Statistic:
    """A statistic: the weighted mean."""
    return lambda weights: {"mean": (weights @ values) / weights.sum(axis=1)}


def test_the_interval_covers_the_truth() -> None:
    """Of 400 simulated test sets with images that agree inside groups, about 95 % cover the truth."""
    rng, covered, naive = np.random.default_rng(5), 0, 0
    groups = np.repeat(np.arange(60), 5)
    for seed in range(400):
        # Images of a group are right or wrong together nine times in ten.
        right = np.where(rng.random(300) < 0.9, (rng.random(60) < 0.8)[groups], rng.random(300) < 0.8)
        statistic = mean_of(right.astype(np.float64))
        found = bootstrap(statistic, groups, resamples=400, seed=seed)["mean"]
        alone = bootstrap(statistic, np.arange(300), resamples=400, seed=seed)["mean"]
        covered += found.low <= 0.8 <= found.high
        naive += alone.low <= 0.8 <= alone.high
    assert 0.91 <= covered / 400 <= 0.98
    # What ignoring the groups would claim: the reason for drawing them whole.
    assert naive / 400 < 0.75


def test_it_agrees_with_drawing_groups_one_by_one() -> None:
    """The weighting equals the plain bootstrap, which copies the images of drawn groups."""
    rng = np.random.default_rng(1)
    values, groups = rng.normal(size=120), rng.integers(0, 30, 120)
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    draws = [
        values[np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))])].mean()
        for _ in range(4000)
    ]
    found = bootstrap(mean_of(values), groups, resamples=4000, seed=2)["mean"]
    np.testing.assert_allclose([found.low, found.high], np.percentile(draws, [2.5, 97.5]), atol=0.02)


def test_the_percentiles_are_numpys() -> None:
    """The ends are the linear percentiles of the draws."""
    seen: list[Floats] = []

    def statistic(weights: Integers) -> dict[str, Floats]:
        value = weights[:, 0].astype(np.float64)
        seen.append(value)
        return {"first": value}

    found = bootstrap(statistic, np.arange(9), resamples=333, seed=0)["first"]
    expected = np.percentile(np.concatenate(seen[1:]), [2.5, 97.5])
    np.testing.assert_allclose([found.low, found.high], expected)


def test_the_same_seed_gives_the_same_interval() -> None:
    """Results repeat exactly, and another seed gives another interval."""
    values = np.random.default_rng(3).normal(size=50)
    first, again, other = (
        bootstrap(mean_of(values), np.arange(50), resamples=300, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many resamples are counted at a time, they are the same ones."""
    values, settings = np.random.default_rng(6).normal(size=50), {"resamples": 333, "seed": 4}
    whole = bootstrap(mean_of(values), np.arange(50), **settings)["mean"]
    monkeypatch.setattr(intervals, "CHUNK", 50 * 7)
    found = bootstrap(mean_of(values), np.arange(50), **settings)["mean"]
    expected = [whole.value, whole.low, whole.high]
    np.testing.assert_allclose([found.value, found.low, found.high], expected, rtol=1e-12)


def test_the_names_of_groups_do_not_matter() -> None:
    """Text or numbers: only who belongs together counts."""
    values, groups = np.random.default_rng(4).normal(size=40), np.arange(40) // 2
    text = np.array([f"g{g:02}" for g in groups], dtype=object)
    settings = {"resamples": 250, "seed": 9}
    assert bootstrap(mean_of(values), groups, **settings) == bootstrap(mean_of(values), text, **settings)


def test_one_group_gives_no_interval() -> None:
    """With fewer than two groups the verdict is a refusal that names them, not a width of zero."""
    with pytest.raises(VerdictError, match=r"test split: holds 1 group"):
        bootstrap(mean_of(np.ones(5)), np.zeros(5), resamples=200, seed=0)


def test_undefined_draws_count_as_the_worst() -> None:
    """A value that too many resamples leave undefined has no ends, rather than flattering ones."""

    def statistic(weights: Integers) -> dict[str, Floats]:
        present = weights[:, 0] > 0
        return {"often": np.where(present, 1.0, np.nan), "always": np.ones(len(weights))}

    found = bootstrap(statistic, np.arange(20), resamples=500, seed=0)
    assert np.isnan(found["often"].low)
    assert np.isnan(found["often"].high)
    assert (found["often"].value, found["always"].low) == (1.0, 1.0)
