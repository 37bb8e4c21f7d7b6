"""The paired test that keeps a smaller bundle or does not."""

from __future__ import annotations

import numpy as np
import pytest

from scanops.config import Evaluation
from scanops.errors import VerdictError
from scanops.evaluation import precision

SETTINGS = Evaluation(bootstrap_resamples=400)
IMAGES, CLASSES = 600, 3


def _answers(right: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities of a model that is right for this share of the images."""
    rng = np.random.default_rng(seed)
    labels = np.arange(IMAGES) % CLASSES
    said = np.where(rng.random(IMAGES) < right, labels, (labels + 1) % CLASSES)
    return labels, np.eye(CLASSES, dtype=np.float32)[said]


def _spoil(probabilities: np.ndarray, labels: np.ndarray, flips: int) -> np.ndarray:
    """Turn this many right answers into wrong ones, spread over the images."""
    spoilt = probabilities.copy()
    right = np.flatnonzero(probabilities.argmax(1) == labels)[:: IMAGES // (2 * max(flips, 1))][:flips]
    spoilt[right] = np.roll(spoilt[right], 1, axis=1)
    return spoilt


@pytest.mark.parametrize(("flips", "kept"), [(0, True), (1, True), (12, False), (60, False)])
def test_kept_only_when_surely_not_worse(flips: int, kept: bool) -> None:
    """The same answers are kept, one lost image of 600 too at a margin of 0.01; two points lost are not."""
    labels, full = _answers(0.9, 1)
    small = _spoil(full, labels, flips)
    report = precision.compare(labels, full, small, np.arange(IMAGES), 0.01, SETTINGS)
    assert report["kept"] is kept
    assert report["same_label"] == IMAGES - flips
    assert report["difference"]["value"] == pytest.approx(-flips / IMAGES, abs=1e-6)
    assert report["mcnemar"]["float32_alone"] == flips
    low, high = report["difference"]["ci95"]
    assert low <= report["difference"]["value"] <= high
    assert ("int8 is kept" in precision.sentence(report)) is kept


def test_a_wider_margin_keeps_more() -> None:
    """The margin decides: two points lost are kept where five may be."""
    labels, full = _answers(0.9, 1)
    small = _spoil(full, labels, 12)
    assert precision.compare(labels, full, small, np.arange(IMAGES), 0.05, SETTINGS)["kept"]


def test_groups_count_as_one() -> None:
    """Lost images of one group say less than as many of many groups: the interval is wider."""
    labels, full = _answers(0.9, 1)
    small = _spoil(full, labels, 6)
    lost = (full != small).any(axis=1)
    alone, together = (
        precision.compare(labels, full, small, groups, 0.01, SETTINGS)["difference"]["ci95"][0]
        for groups in (np.arange(IMAGES), np.where(lost, -1, np.arange(IMAGES)))
    )
    assert together < alone


def test_answers_that_are_no_numbers_are_not_kept() -> None:
    """A graph that overflowed is refused, although NaN would count as the first class."""
    labels, full = _answers(1.0, 1)
    small = full.copy()
    small[labels == 0] = np.nan
    assert not precision.compare(labels, full, small, np.arange(IMAGES), 0.2, SETTINGS)["kept"]


def test_one_group_is_too_few() -> None:
    """Without spread there is no interval, and it says so."""
    labels, full = _answers(0.9, 1)
    with pytest.raises(VerdictError, match="too few"):
        precision.compare(labels, full, full, np.zeros(IMAGES), 0.01, SETTINGS)
