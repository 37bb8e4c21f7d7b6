"""Fitting the score: any training pictures there are will do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanops.bundle import novelty_fit
from scanops.errors import VerdictError


def drawn(count: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two classes of correlated numbers."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    mixed = rng.normal(size=(count, width)) @ (np.eye(width) + rng.uniform(0, 0.3, (width, width)))
    return (mixed + 3 * labels[:, None]).astype(np.float32), labels


def test_with_all_axes_it_is_the_mahalanobis_distance() -> None:
    """Of many pictures, where shrinking does next to nothing, the textbook's formula holds."""
    values, labels = drawn(4000, 4)
    cloud = novelty_fit.fit(values, labels, 64)
    centres = np.stack([values[labels == k].mean(0) for k in (0, 1)]).astype(np.float64)
    inverse = np.linalg.inv(np.cov((values - centres[labels]).T, bias=True))
    away = values[:50, None].astype(np.float64) - centres
    expected = np.einsum("nkd,de,nke->nk", away, inverse, away).min(axis=1)
    np.testing.assert_allclose(cloud.distance(values[:50]) * cloud.usual, expected, rtol=0.05)


def test_a_usual_picture_has_about_one() -> None:
    """Distances are in units of the training pictures' median."""
    values, labels = drawn(300, 20)
    assert np.median(novelty_fit.fit(values, labels, 8).distance(values)) == pytest.approx(1, rel=1e-4)


def test_a_unit_is_what_one_new_picture_in_twenty_exceeds() -> None:
    """Two views with tails of any length are then alike in how often a head scan has more than 1."""
    values, labels = drawn(300, 20)
    new = drawn(400, 20, seed=1)[0]
    cloud = novelty_fit.measure_by(novelty_fit.fit(values, labels, 8), new)
    assert (cloud.distance(new) > 1.0001).mean() == pytest.approx(0.05, abs=0.01)


def test_what_never_varied_counts_when_it_does() -> None:
    """A unit that was dead in training gives a stranger away that wakes it."""
    values, labels = drawn(200, 6)
    values[:, 2] = 0
    stranger = values[:1].copy()
    stranger[0, 2] = 30
    assert novelty_fit.fit(values, labels, 4).distance(stranger) > 10


@settings(deadline=None, max_examples=60)
@given(
    st.integers(2, 12), st.integers(1, 40), st.integers(0, 40), st.sampled_from(["drawn", "equal", "twins"])
)
def test_any_covariance_will_do(count: int, width: int, axes: int, kind: str) -> None:
    """Fewer pictures than numbers, equal pictures or numbers: distances are finite, a far one is larger."""
    values, labels = drawn(count, width)
    if kind == "equal":
        values[:] = values[0]
    if kind == "twins":
        values[:] = values[:, :1]
    cloud = novelty_fit.fit(values, labels, axes)
    distances = cloud.distance(values)
    assert np.isfinite(distances).all()
    assert (cloud.distance(values + 1e4) > distances.max()).all()
    again = novelty_fit.fit(values, labels, axes)
    assert all(np.array_equal(one, other) for one, other in zip(cloud, again, strict=True))


@pytest.mark.parametrize("spoil", ["one", "nan"])
def test_what_says_nothing_is_a_verdict(spoil: str) -> None:
    """One picture, or an embedding that diverged, ends with a message that says what to do."""
    values, labels = drawn(6, 3)
    values[0, 0] = np.nan if spoil == "nan" else 0
    with pytest.raises(VerdictError, match="unlike them"):
        novelty_fit.fit(values[: 1 if spoil == "one" else 6], labels[: 1 if spoil == "one" else 6], 2)
