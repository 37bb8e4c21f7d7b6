"""Curves, samples and figures: right points, the same bytes, no surprise from a name."""

from __future__ import annotations

import io
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from scanops.config import Evaluation
from scanops.evaluation import calibration, curves, figures, plots, ranking, report, samples
from scanops.evaluation.measures import Answers
from scanops.evaluation.metrics import Integers, Probabilities
from scanops.evaluation.slices import Slice

CLASSES = ("glioma", "pays_$5_or_$6", "none")


@pytest.fixture
def answers() -> tuple[Integers, Probabilities]:
    """Sixty labels and answers that are often right."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    return labels, rng.dirichlet(np.ones(3), 60).astype(np.float32) * 0.5 + np.eye(3, dtype=np.float32)[
        rng.integers(0, 3, 60)
    ] * np.float32(0.5)


def render(answers: tuple[Integers, Probabilities]) -> dict[str, bytes]:
    """Draw all figures."""
    chosen = samples.choose(*answers)
    pictures = np.random.default_rng(1).integers(0, 256, (len(chosen), 32, 32, 3)).astype(np.uint8)
    given = Answers(*answers, np.arange(len(answers[0])), CLASSES, temperature=1.3)
    member = np.arange(len(answers[0])) % 2 == 0
    slices = [Slice("format", "PNG", member), Slice("copies", "copied", np.arange(len(member)) < 2)]
    metrics = report.measure(given, {}, slices, Evaluation(bootstrap_resamples=200))
    return figures.render(given, metrics, 10, chosen, pictures)


def test_figures_repeat_whatever_the_readers_settings(answers: tuple[Integers, Probabilities]) -> None:
    """The bytes depend on the values alone, so `dvc.lock` does not change."""
    first = render(answers)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 31}):
        assert render(answers) == first


def test_figures_carry_no_version_or_date(answers: tuple[Integers, Probabilities]) -> None:
    """A PNG holds pixels and nothing that a later release would change."""
    for name, content in render(answers).items():
        if name.endswith(".png"):
            with Image.open(io.BytesIO(content)) as image:
                assert image.width >= 400
                assert not {"Software", "Creation Time", "date"} & set(image.info)


def test_pyplot_stays_out(answers: tuple[Integers, Probabilities]) -> None:
    """No global figure is left open, since none is ever made."""
    render(answers)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


def test_the_area_under_the_points_is_the_auroc(answers: tuple[Integers, Probabilities]) -> None:
    """roc.csv and the AUROC in the report are of one curve."""
    points = curves.roc(*answers, CLASSES)
    for name, ranked in zip(CLASSES, ranking.rank(*answers), strict=True):
        curve = points[points["class"] == name]
        assert np.trapezoid(curve["tpr"], curve["fpr"]) == pytest.approx(ranking.auroc(ranked)[0])


def test_the_steps_of_precision_and_recall_are_the_average_precision(
    answers: tuple[Integers, Probabilities],
) -> None:
    """precision_recall.csv and the average precision in the report are of one curve."""
    points = curves.precision_recall(*answers, CLASSES)
    for name, ranked in zip(CLASSES, ranking.rank(*answers), strict=True):
        curve = points[points["class"] == name]
        area = -(np.diff(curve["recall"]) * curve["precision"].to_numpy()[:-1]).sum()
        assert area == pytest.approx(ranking.average_precision(ranked)[0])


def test_a_class_without_images_has_no_curve() -> None:
    """One class only: no ROC curve at all, and still a table and a figure."""
    probabilities = np.full((4, 3), 1 / 3, np.float32)
    assert curves.roc(np.zeros(4, np.int64), probabilities, CLASSES).empty
    drawn = render((np.zeros(4, np.int64), probabilities))
    assert drawn["roc.png"].startswith(b"\x89PNG")
    assert drawn["precision_recall.png"].startswith(b"\x89PNG")


def test_the_table_of_slices_says_which_are_too_small(answers: tuple[Integers, Probabilities]) -> None:
    """slices.csv has a row a part, with figures where there are enough images."""
    table = pd.read_csv(io.BytesIO(render(answers)["slices.csv"]))
    assert list(table["slice"]) == ["format: PNG", "copies: copied"]
    assert list(table["images"]) == [30, 2]
    assert table["balanced_accuracy"].notna().tolist() == [True, False]
    assert table["low"][0] <= table["balanced_accuracy"][0] <= table["high"][0]


def test_the_bins_add_up_to_the_calibration_error(answers: tuple[Integers, Probabilities]) -> None:
    """reliability.csv and the ECE in the report are of the same bins."""
    bins = curves.reliability(*answers, 10)
    gaps = (bins["accuracy"] - bins["confidence"]).abs() * bins["count"]
    assert gaps.sum() / 60 == pytest.approx(float(calibration.expected_calibration_error(*answers, 10)))
    assert bins["count"].sum() == 60
    assert ((bins["low"] < bins["confidence"]) & (bins["confidence"] <= bins["high"])).all()


@pytest.mark.parametrize("wrong", [0, 1, 8, 30, 60])
def test_samples_show_the_worst_and_the_rest(wrong: int) -> None:
    """Sixteen different images: surest mistakes first, then right answers."""
    labels, probabilities = np.zeros(60, np.int64), np.tile(np.array([0.9, 0.1], np.float32), (60, 1))
    probabilities[:wrong] = np.stack([0.4 - np.arange(wrong) / 200, 0.6 + np.arange(wrong) / 200], 1)
    chosen = samples.choose(labels, probabilities)
    assert len(set(chosen.tolist())) == 16
    mistakes = (probabilities.argmax(1) != labels)[chosen]
    assert mistakes.sum() == max(min(wrong, 8), 16 - (60 - wrong))
    assert mistakes.tolist() == sorted(mistakes.tolist(), reverse=True)
    if wrong:
        assert chosen[0] == wrong - 1


def test_few_images_are_all_shown() -> None:
    """A test split of three gives three samples."""
    chosen = samples.choose(np.array([0, 1, 0]), np.array([[0.9, 0.1]] * 3, np.float32))
    assert sorted(chosen.tolist()) == [0, 1, 2]


def test_grids_and_learning_curves_take_what_stages_have() -> None:
    """Any number of images of any size; history with or without validation."""
    grid = plots.sample_grid([np.zeros((9, 7, 3), np.uint8)] * 5, [f"t{i}" for i in range(5)])
    curve = plots.learning_curves([{"loss": 1.0, "val_loss": 1.2, "learning_rate": 0.1}] * 2)
    assert grid.startswith(b"\x89PNG")
    assert curve.startswith(b"\x89PNG")
