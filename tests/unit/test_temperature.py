"""Temperature: it moves confidence, never the answer, and finds what the data were made with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanops import temperature
from scanops.evaluation import calibration
from scanops.temperature import Integers, Probabilities


def drawn(true: float, images: int = 4000, seed: int = 0) -> tuple[Probabilities, Integers]:
    """Draw labels from a softmax, and answers of a network whose logits are `true` times as large."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2.0, size=(images, 4))
    odds = np.exp(logits)
    labels = np.array([rng.choice(4, p=row) for row in odds / odds.sum(axis=1, keepdims=True)])
    claimed = np.exp(logits * true)
    return (claimed / claimed.sum(axis=1, keepdims=True)).astype(np.float32), labels


@st.composite
def softmaxes(draw: st.DrawFn) -> Probabilities:
    """Rows of a softmax, saturated ones among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(scale=draw(st.sampled_from([0.1, 3.0, 60.0])), size=(draw(st.integers(1, 9)), 3))
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


@given(softmaxes(), st.floats(0.25, 10.0))
def test_probabilities_stay_probabilities_in_their_order(given_rows: Probabilities, value: float) -> None:
    """Rows add up to 1, and what was likelier is never less likely afterwards."""
    scaled = temperature.scale(given_rows, value)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.sum(axis=1), 1.0, atol=1e-6)
    order = np.argsort(given_rows, axis=1, kind="stable")
    assert (np.diff(np.take_along_axis(scaled, order, axis=1), axis=1) >= 0).all()


@given(softmaxes(), st.floats(1.0, 10.0))
def test_the_inverse_takes_it_back(given_rows: Probabilities, value: float) -> None:
    """Scaling by T and then by 1/T gives what there was."""
    back = temperature.scale(temperature.scale(given_rows, value), 1.0 / value)
    np.testing.assert_allclose(back, given_rows, atol=1e-4)


def test_one_changes_nothing() -> None:
    """A bundle without calibration answers bit for bit what its graph gives."""
    rows = np.array([[0.1, 0.9]], np.float32)
    assert temperature.scale(rows, 1.0) is rows


def test_it_is_the_softmax_of_divided_logits() -> None:
    """The formula of Guo et al., by hand."""
    logits = np.array([[2.0, 0.5, -1.0]])
    softmax = np.exp(logits) / np.exp(logits).sum()
    wanted = np.exp(logits / 2.5) / np.exp(logits / 2.5).sum()
    np.testing.assert_allclose(temperature.scale(softmax.astype(np.float32), 2.5), wanted, atol=1e-6)


@pytest.mark.parametrize("true", [0.6, 1.0, 1.7, 3.0])
def test_the_temperature_of_the_data_is_found(true: float) -> None:
    """Labels drawn from known odds give that temperature back, and the calibration error falls."""
    probabilities, labels = drawn(true)
    found = temperature.fit(probabilities, labels)
    assert found == pytest.approx(true, rel=0.08)
    after = temperature.scale(probabilities, found)
    assert float(calibration.expected_calibration_error(labels, after, 15)) < 0.03
    assert calibration.mean(calibration.log_loss(labels, after)) <= calibration.mean(
        calibration.log_loss(labels, probabilities)
    )


@pytest.mark.parametrize("other", [0.8, 1.25])
def test_no_other_temperature_is_likelier(other: float) -> None:
    """What is found is the minimum of the negative log-likelihood."""
    probabilities, labels = drawn(1.5, images=300, seed=3)
    best = temperature.fit(probabilities, labels)
    losses = [
        float(calibration.mean(calibration.log_loss(labels, temperature.scale(probabilities, best * factor))))
        for factor in (1.0, other)
    ]
    assert losses[0] < losses[1]


def test_it_stays_in_its_bounds() -> None:
    """Answers that are always wrong flatten no further than 10; a near miss sharpens no further than 0.25."""
    sure = np.array([[0.99, 0.01]] * 5, np.float32)
    assert temperature.fit(sure, np.ones(5, np.int64)) == temperature.HIGHEST
    near = np.concatenate([np.array([[0.7, 0.3]] * 50), [[0.5001, 0.4999]]]).astype(np.float32)
    assert temperature.fit(near, np.array([0] * 50 + [1])) == temperature.LOWEST


def test_a_faultless_validation_split_claims_nothing() -> None:
    """Where every answer is right no temperature is the likeliest, and the probabilities stay."""
    assert temperature.fit(np.array([[0.6, 0.4], [0.3, 0.7]], np.float32), np.array([0, 1])) == 1.0
