"""What abstaining costs and gains, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from scanops.abstention import Limits, Why
from scanops.config import Evaluation
from scanops.evaluation import abstaining, abstaining_plots
from scanops.evaluation.measures import Answers

LIMITS = Limits(3.0, 0.4, 0.02)
SETTINGS = Evaluation(bootstrap_resamples=200)
EIGHT: list[Why | None] = ["unlike_training"] * 8
STRANGERS: dict[str, list[Why | None]] = {
    "text": ["unlike_training"] * 10,
    "knee": [None, "low_confidence", *EIGHT],
}
# Ten images: the surest is wrong, the unsurest too.
CONFIDENCE = np.array([0.95, 0.9, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55], np.float32)
RIGHT = np.array([0, 1, 1, 1, 1, 1, 1, 1, 1, 0])
WHY: list[Why | None] = ["unlike_training", *[None] * 8, "low_confidence"]


def answers() -> Answers:
    """Two classes; the first is always said."""
    probabilities = np.stack([CONFIDENCE, 1 - CONFIDENCE], axis=1)
    return Answers(1 - RIGHT, probabilities, np.arange(10), ("a", "b"))


def test_the_report_counts() -> None:
    """Shares of the test images by reason, accuracy of the rest, and strangers by kind."""
    found = abstaining.measure(answers(), WHY, STRANGERS, LIMITS, SETTINGS)
    assert found is not None
    assert found["false_rejection"]["value"] == 0.2
    assert found["coverage"]["value"] == 0.8
    assert found["unlike_training"]["value"] == found["low_confidence"]["value"] == 0.1
    assert found["accuracy_answered"]["value"] == 1.0
    low, high = found["false_rejection"]["ci95"]
    assert 0 <= low < 0.2 < high < 0.6
    assert found["strangers"]["knee"]["abstained"] == 0.9
    assert found["strangers"]["text"] == {"pictures": 10, "abstained": 1.0, "ci95": [0.691503, 1.0]}
    assert found["strangers_abstained"]["value"] == 0.95
    assert (found["max_novelty"], found["promised_false_rejection"]) == (3.0, 0.02)
    assert "20.0%" in abstaining.sentence(found)
    assert "95.0%" in abstaining.sentence(found)


def test_a_bundle_that_never_abstains_has_no_report() -> None:
    """An older bundle is evaluated as ever."""
    assert abstaining.measure(answers(), [None] * 10, {}, None, SETTINGS) is None
    assert abstaining.sentence(None) == "; it never abstains"


def test_one_that_answers_nothing_has_no_accuracy() -> None:
    """No answer is neither right nor wrong."""
    found = abstaining.measure(answers(), ["unlike_training"] * 10, STRANGERS, LIMITS, SETTINGS)
    assert found is not None
    assert found["false_rejection"]["value"] == 1.0
    assert found["accuracy_answered"] == {"value": None, "ci95": [None, None]}
    assert abstaining_plots.render(answers(), found)["coverage_accuracy.png"].startswith(b"\x89PNG")


def test_the_curve_goes_from_the_surest_to_all() -> None:
    """Each point answers those of at least its confidence; equal ones come together."""
    curve = abstaining.curve(answers())
    np.testing.assert_allclose(curve["coverage"], [0.1, *np.arange(3, 11) / 10])
    assert curve["accuracy"].iloc[0] == 0
    assert curve["accuracy"].iloc[1] == pytest.approx(2 / 3)
    assert curve["accuracy"].iloc[-1] == 0.8
    np.testing.assert_allclose(curve["confidence"], np.unique(CONFIDENCE)[::-1])


@pytest.mark.parametrize("abstains", [True, False])
def test_figures_and_tables_are_the_same_bytes_twice(abstains: bool) -> None:
    """Curve and strangers, as CSV and PNG, with a report and without."""
    report = abstaining.measure(answers(), WHY, STRANGERS, LIMITS if abstains else None, SETTINGS)
    first, again = (abstaining_plots.render(answers(), report) for _ in range(2))
    assert first == again
    assert set(first) == {
        f"{name}.{kind}" for name in ("coverage_accuracy", "strangers") for kind in ("csv", "png")
    }
    assert first["strangers.csv"].decode().count("\n") == (3 if abstains else 1)
