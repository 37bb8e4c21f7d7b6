"""Limits that turn away few head scans, however the scores are distributed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanops import abstention
from scanops.abstention import Limits
from scanops.errors import VerdictError

SCORES = st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=200)


def alone(count: int) -> np.ndarray:
    """Groups of one picture each."""
    return np.arange(count)


@given(SCORES, st.floats(0.001, 0.5))
def test_the_limit_is_the_conformal_quantile(scores: list[float], most: float) -> None:
    """With groups of one it is the ceil((n + 1)(1 - most))-th smallest score, or there is none."""
    rank = int(np.ceil((len(scores) + 1) * (1 - most) - 1e-6))
    found = abstention.quantile(np.array(scores), alone(len(scores)), most)
    assert found == (sorted(scores)[rank - 1] if rank <= len(scores) else None)


@given(SCORES, st.data())
def test_few_of_the_chosen_by_are_beyond(scores: list[float], data: st.DataObject) -> None:
    """Of the groups that the limit was chosen by, a share of at most `most` counts as beyond it."""
    groups = np.array(data.draw(st.lists(st.integers(0, 5), min_size=len(scores), max_size=len(scores))))
    limit = abstention.quantile(np.array(scores), groups, 0.3)
    if limit is None:
        assert 1 / (len(set(groups.tolist())) + 1) > 0.3
    else:
        beyond = np.array(scores) > limit
        assert np.mean([beyond[groups == group].mean() for group in set(groups.tolist())]) <= 0.3


@pytest.mark.parametrize("distribution", ["exponential", "standard_cauchy", "standard_normal"])
def test_new_scans_are_turned_away_as_seldom_as_promised(distribution: str) -> None:
    """Over many validation splits the mean share of new scans beyond the limit keeps the promise."""
    rng = np.random.default_rng(3)
    beyond = []
    for _ in range(300):
        drawn = getattr(rng, distribution)(size=1100)
        limit = abstention.quantile(drawn[:100], alone(100), 0.02)
        beyond.append((drawn[100:] > limit).mean())
    assert np.mean(beyond) == pytest.approx(0.02, abs=0.003)


def test_a_patient_of_many_pictures_counts_once() -> None:
    """Pictures of a patient are alike: taken for independent ones they break the promise, in groups not."""
    rng = np.random.default_rng(4)
    kept: list[float] = []
    taken_alone: list[float] = []
    for _ in range(300):
        sizes = np.where(np.arange(60) < 6, 40, 1)
        member = np.repeat(np.arange(60), sizes)
        level = rng.normal(size=60)
        level[sizes == 40] -= 3  # those of whom there is much are the usual ones
        scores = level[member] + 0.1 * rng.normal(size=len(member))
        new = rng.permutation(level)[0] + rng.normal() * 0.1
        for groups, into in ((member, kept), (np.arange(len(member)), taken_alone)):
            limit = abstention.quantile(scores, groups, 0.05)
            assert limit is not None
            into.append(float(new > limit))
    assert np.mean(kept) <= 0.07 < np.mean(taken_alone)


def test_too_few_groups_promise_what_they_can() -> None:
    """With 9 groups the least that can be promised is a tenth, and the limits say so."""
    found = abstention.choose(np.arange(9.0), np.full(9, 0.9), alone(9), 0.02, 0.5)
    assert (found.novelty, found.confidence) == (8.0, 0.0)
    assert found.false_rejection == pytest.approx(0.1)


def test_no_picture_is_a_verdict() -> None:
    """Without validation there are no limits, and the message says what to change."""
    with pytest.raises(VerdictError, match="holds no picture"):
        abstention.choose(np.array([]), np.array([]), np.array([]), 0.02, 0.5)


def test_both_reasons_together_keep_the_promise() -> None:
    """Both limits share one budget: of the pictures chosen by, not more than it are beyond either."""
    rng = np.random.default_rng(5)
    novelty, confidence = rng.random(400).astype(np.float32), rng.random(400).astype(np.float32)
    limits = abstention.choose(novelty, confidence, alone(400), 0.02, 0.5)
    why = abstention.judge(novelty, confidence, limits)
    assert 0 < why.count("unlike_training") <= 4
    assert 0 < why.count("low_confidence") <= 4
    assert limits.false_rejection == 0.02


def test_one_odd_scan_does_not_set_the_limit() -> None:
    """With 116 scans, 2 % spares one: a single odd one does not let all strangers in."""
    novelty = np.append(np.linspace(0.5, 2.0, 115), 50.0)
    limits = abstention.choose(novelty, np.full(116, 0.9), alone(116), 0.02, 0.5)
    assert limits.novelty < 2.1
    assert limits.confidence == 0.0  # and none of the share is left for confidence


@given(st.floats(2**-20, 2**20, width=32), st.floats(0.25, 1, width=32))
def test_the_picture_at_the_limit_is_answered(novelty: float, confidence: float) -> None:
    """Limits are rounded away from the heads, by less than a hundred-thousandth."""
    scores, sure = np.full(200, novelty, np.float32), np.full(200, confidence, np.float32)
    limits = abstention.choose(scores, sure, alone(200), 0.05, 0.5)
    assert abstention.judge(scores, sure, limits) == [None] * 200
    assert limits.novelty == pytest.approx(novelty, rel=1e-5)
    assert limits.confidence == pytest.approx(confidence, abs=2e-6)


def test_reasons() -> None:
    """Unlike goes before unsure, what is not finite is unlike, and without limits all is answered."""
    novelty = np.array([1.0, 9.0, 1.0, np.nan, np.inf], np.float32)
    confidence = np.array([0.9, 0.1, 0.1, 0.9, 0.9], np.float32)
    assert abstention.judge(novelty, confidence, Limits(2.0, 0.5, 0.02)) == [
        None,
        "unlike_training",
        "low_confidence",
        "unlike_training",
        "unlike_training",
    ]
    assert abstention.judge(novelty, confidence, None) == [None] * 5
