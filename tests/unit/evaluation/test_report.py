"""The metrics report: what it says, and what it refuses to say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scanops.config import Evaluation
from scanops.errors import VerdictError
from scanops.evaluation import report

SETTINGS = Evaluation(bootstrap_resamples=200)
LABELS = np.array([0, 0, 1, 1, 0, 1])
RIVALS = {"majority": np.zeros(6, np.int64)}


def halves() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Answers that are right for five of six images."""
    return np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]], np.float32)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1, 3.0])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    """A graph that diverged, or ends without a softmax, gets a verdict and not a score."""
    probabilities = halves()
    probabilities[2, 0] = bad
    with pytest.raises(VerdictError, match="for 1 of 6 test images"):
        report.measure(LABELS, probabilities, np.arange(6), RIVALS, ["a", "b"], SETTINGS)


def test_the_margin_is_paired() -> None:
    """A baseline that answers exactly as the model does leaves a margin of 0 without any width."""
    rivals = {"twin": halves().argmax(1)}
    twin = report.measure(LABELS, halves(), np.arange(6), rivals, ["a", "b"], SETTINGS)["baselines"]["twin"]
    assert twin["margin"] == {"value": 0.0, "ci95": [0.0, 0.0]}
    assert twin["balanced_accuracy"]["ci95"][0] < twin["balanced_accuracy"]["ci95"][1]


def test_an_absent_class_is_said_to_be_absent() -> None:
    """A class without test images has support 0 and no recall; the report stays valid JSON."""
    probabilities = np.column_stack([halves(), np.zeros(6, np.float32)])
    metrics = report.measure(LABELS, probabilities, np.arange(6), RIVALS, ["a", "b", "none"], SETTINGS)
    assert metrics["per_class"]["none"] == {
        "recall": None,
        "recall_ci95": [None, None],
        "precision": None,
        "support": 0,
    }
    assert "NaN" not in json.dumps(metrics, allow_nan=False)


def test_numbers_are_rounded() -> None:
    """No more than six digits: the last bits of a float are the processor's."""
    metrics = report.measure(LABELS, halves(), np.arange(6), RIVALS, ["a", "b"], SETTINGS)
    assert metrics["accuracy"]["value"] == 0.833333


def test_the_sentence_names_model_and_baselines() -> None:
    """The line on the terminal has the model's figure, its interval, and every baseline's."""
    twins = {"majority": LABELS, "nearest_neighbour": LABELS}
    said = report.sentence(report.measure(LABELS, halves(), np.arange(6), twins, ["a", "b"], SETTINGS))
    assert "balanced accuracy" in said
    assert "majority 1.000 (1.000 to 1.000)" in said
    assert "nearest neighbour" in said
