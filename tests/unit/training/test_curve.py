"""The curve alone decides what is kept, when training stops, and when it slows down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanops.model_rules import Training
from scanops.training import curve
from scanops.training.curve import Epoch

BY_LOSS = Training(architecture="cnn_small", early_stopping_patience=2, plateau_patience=2)
BY_ACCURACY = BY_LOSS.model_copy(update={"early_stopping_monitor": "val_balanced_accuracy"})
POINTS = st.lists(st.tuples(st.floats(0, 9), st.sampled_from([0.5, 0.75, 1.0])), min_size=1, max_size=12)


def _points(values: list[tuple[float, float]]) -> list[Epoch]:
    return [
        Epoch(index + 1, "fit", 0.1, 1.0, 0.5, 0.5, loss, 0.5, recall)
        for index, (loss, recall) in enumerate(values)
    ]


def test_what_is_best() -> None:
    """By loss the lowest counts; by balanced accuracy the highest, of equal ones that with the lower loss."""
    points = _points([(0.9, 0.8), (0.5, 0.9), (0.4, 0.9), (0.3, 0.7)])
    assert curve.best(points, BY_LOSS).epoch == 4
    assert curve.best(points, BY_ACCURACY).epoch == 3


@given(POINTS)
def test_the_first_of_the_best_is_kept(values: list[tuple[float, float]]) -> None:
    """No point is better than the best, and none before it is as good."""
    points = _points(values)
    losses = [point.val_loss for point in points]
    assert curve.best(points, BY_LOSS).epoch == losses.index(min(losses)) + 1
    recalls = [point.val_balanced_accuracy for point in points]
    assert curve.best(points, BY_ACCURACY).val_balanced_accuracy == max(recalls)


def test_a_phase_is_over_after_its_patience() -> None:
    """Patience counts epochs since the best one; a phase that has not begun is not over."""
    assert not curve.is_over([], BY_LOSS)
    assert not curve.is_over(_points([(0.5, 1), (0.6, 1)]), BY_LOSS)
    assert curve.is_over(_points([(0.5, 1), (0.6, 1), (0.5, 1)]), BY_LOSS)
    assert not curve.is_over(_points([(0.5, 1), (0.6, 1), (0.4, 1)]), BY_LOSS)


def test_a_plateau_lowers_the_rate() -> None:
    """Each two epochs without a better one halve the rate, and a better one begins the count anew."""
    losses = [(0.5, 1.0), (0.6, 1.0), (0.6, 1.0), (0.4, 1.0), (0.6, 1.0), (0.6, 1.0)]
    rates = [curve.plateau_rate(_points(losses[:n]), 0.8, BY_LOSS) for n in range(7)]
    assert rates == [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2]


@given(POINTS, st.floats(1e-6, 1))
def test_a_plateau_ends_at_the_floor(values: list[tuple[float, float]], rate: float) -> None:
    """The rate never rises, and never falls below its share of where it began."""
    params = BY_LOSS.model_copy(update={"plateau_patience": 1, "lowest_rate_fraction": 0.2})
    rates = [curve.plateau_rate(_points(values)[:n], rate, params) for n in range(len(values) + 1)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] >= rate * 0.2


@pytest.mark.parametrize("name", ["loss", "val_loss", "learning_rate"])
def test_a_point_that_is_no_number_is_seen(name: str) -> None:
    """Whichever curve leaves the numbers, the point says so."""
    point = _points([(0.5, 1.0)])[0]
    assert point.is_finite()
    assert not Epoch(**{**vars(point), name: float("nan")}).is_finite()
    assert not Epoch(**{**vars(point), name: float("inf")}).is_finite()
