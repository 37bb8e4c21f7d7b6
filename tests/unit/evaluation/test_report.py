"""The metrics report: what it says, and what it refuses to say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scanops import temperature
from scanops.config import Evaluation
from scanops.errors import ConfigError, VerdictError
from scanops.evaluation import report
from scanops.evaluation.measures import Answers
from scanops.evaluation.metrics import Probabilities
from scanops.evaluation.slices import Slice

SETTINGS = Evaluation(bootstrap_resamples=200)
LABELS = np.array([0, 0, 1, 1, 0, 1])
RIVALS = {"majority": np.zeros(6, np.int64)}


def halves() -> Probabilities:
    """Answers that are right for five of six images."""
    return np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]], np.float32)


def answers(probabilities: Probabilities, *classes: str, temperature: float = 1.0) -> Answers:
    """The test images' labels, each image a group of its own, and a model's answers."""
    return Answers(LABELS, probabilities, np.arange(6), classes or ("a", "b"), temperature)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1, 3.0])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    """A graph that diverged, or ends without a softmax, gets a verdict and not a score."""
    probabilities = halves()
    probabilities[2, 0] = bad
    with pytest.raises(VerdictError, match="for 1 of 6 test images"):
        report.measure(answers(probabilities), RIVALS, [], SETTINGS)


def test_the_margin_is_paired() -> None:
    """A baseline that answers exactly as the model does leaves a margin of 0 without any width."""
    rivals = {"twin": halves().argmax(1)}
    twin = report.measure(answers(halves()), rivals, [], SETTINGS)["baselines"]["twin"]
    assert twin["margin"] == {"value": 0.0, "ci95": [0.0, 0.0]}
    assert twin["balanced_accuracy"]["ci95"][0] < twin["balanced_accuracy"]["ci95"][1]


def test_an_absent_class_is_said_to_be_absent() -> None:
    """A class without test images has support 0 and no recall; the report stays valid JSON."""
    probabilities = np.column_stack([halves(), np.zeros(6, np.float32)])
    metrics = report.measure(answers(probabilities, "a", "b", "none"), RIVALS, [], SETTINGS)
    absent = metrics["per_class"]["none"]
    assert (absent["support"], absent["recall"], absent["recall_ci95"]) == (0, None, [None, None])
    assert (absent["precision"], absent["auroc"], absent["average_precision"]) == (None, None, None)
    assert absent["specificity"] == 1.0
    assert metrics["detection"]["sensitivity"]["value"] is None
    assert "NaN" not in json.dumps(metrics, allow_nan=False)


def test_numbers_are_rounded() -> None:
    """No more than six digits: the last bits of a float are the processor's."""
    metrics = report.measure(answers(halves()), RIVALS, [], SETTINGS)
    assert metrics["accuracy"]["value"] == 0.833333


def test_the_sentence_names_model_and_baselines() -> None:
    """The line on the terminal has the model's figure, its interval, and every baseline's."""
    twins = {"majority": LABELS, "nearest_neighbour": LABELS}
    said = report.sentence(report.measure(answers(halves()), twins, [], SETTINGS))
    assert "balanced accuracy" in said
    assert "majority 1.000 (1.000 to 1.000)" in said
    assert "nearest neighbour" in said
    assert "before calibration" in said


def test_calibration_is_taken_back_to_what_the_graph_gave() -> None:
    """Before and after are of the same answers: the bundle's temperature is undone for the first."""
    shipped = temperature.scale(halves(), 2.0)
    found = report.measure(answers(shipped, temperature=2.0), RIVALS, [], SETTINGS)
    raw = report.measure(answers(halves()), RIVALS, [], SETTINGS)
    assert found["calibration"]["temperature"] == 2.0
    assert found["calibration"]["before"] == raw["calibration"]["after"] == raw["calibration"]["before"]
    assert found["calibration"]["after"]["ece"] == found["ece"] != raw["ece"]
    assert found["accuracy"] == raw["accuracy"]


def test_a_slice_says_what_it_holds_and_too_few_say_nothing() -> None:
    """A part has its own figures and size; below ten groups it has none, and says so."""
    labels = np.tile([0, 1], 30)
    right = np.where(np.arange(60) < 30, labels, 1 - labels)
    given = Answers(labels, np.eye(2, dtype=np.float32)[right], np.arange(60), ("a", "b"))
    first = np.arange(60) < 30
    copies = Answers(labels, given.probabilities, np.arange(60) // 7, ("a", "b"))
    slices = [
        Slice("brightness", "dark", first, (1.0, 2.5)),
        Slice("brightness", "bright", ~first, (3.0, 4.0)),
        Slice("format", "BMP", np.arange(60) < 9),
    ]
    found = report.measure(given, {}, slices, SETTINGS)["slices"]
    assert found["brightness"]["dark"]["range"] == [1.0, 2.5]
    assert found["brightness"]["dark"]["balanced_accuracy"] == {"value": 1.0, "ci95": [1.0, 1.0]}
    assert found["brightness"]["bright"]["accuracy"]["value"] == 0.0
    assert found["format"]["BMP"] == {"images": 9, "groups": 9, "too_few": True}
    assert all(
        part["too_few"]
        for part in report.measure(copies, {}, slices, SETTINGS)["slices"]["brightness"].values()
    )


def test_a_wrong_negative_class_is_told() -> None:
    """A class that the bundle lacks ends with exit code 2 and the names of those that it has."""
    settings = Evaluation(bootstrap_resamples=200, negative_class="c")
    with pytest.raises(ConfigError, match=r"negative_class c: is no class of the bundle \(a, b\)"):
        report.measure(answers(halves()), RIVALS, [], settings)


def test_detection_is_measured_where_a_class_means_nothing() -> None:
    """Sensitivity is of the other classes, at the specificity asked for; else there is none."""
    probabilities = halves()
    probabilities[5] = [0.75, 0.25]  # so that one tumour has to be let go, to spare all three without
    named = report.measure(answers(probabilities, "tumor", "no_tumor"), RIVALS, [], SETTINGS)["detection"]
    assert (named["negative_class"], named["specificity"]) == ("no_tumor", 0.9)
    assert named["sensitivity"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert report.measure(answers(halves()), RIVALS, [], SETTINGS)["detection"] is None


def test_too_few_images_of_a_class_are_told() -> None:
    """A class with up to three groups has no interval, and the sentence names it; others go without one."""
    for held, expected in ((2, 1), (30, 0)):
        labels = np.array([0] * 40 + [1] * held + [2] * 40)
        probabilities = (np.eye(3)[labels] * 0.7 + 0.1).astype(np.float32)
        given = Answers(labels, probabilities, np.arange(len(labels)), ("a", "b", "c"))
        told = report.shortages(given, report.measure(given, {}, [], SETTINGS))
        assert [line.partition(";")[0] for line in told] == [
            "no interval for class b: 2 group(s) of it in the test split"
        ][:expected]


def test_a_measure_without_an_interval_is_told() -> None:
    """Where all test images are of one class, what needs two has no interval, and the report says so."""
    given = Answers(np.zeros(6, np.int64), halves(), np.arange(6), ("a", "b"))
    told = report.shortages(given, report.measure(given, {}, [], SETTINGS))
    assert told[0].startswith("no interval for auroc")
    assert told[1].startswith("no interval for class b: 0 group(s)")
