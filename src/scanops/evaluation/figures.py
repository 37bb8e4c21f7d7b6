"""The plots folder of an evaluation, as file names and contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scanops.evaluation import curves, metrics, plots, samples, slice_plot
from scanops.evaluation.measures import Answers
from scanops.evaluation.metrics import Integers
from scanops.imaging import Pixels


def render(
    answers: Answers, report: Mapping[str, Any], bins: int, chosen: Integers, pictures: Pixels
) -> dict[str, bytes]:
    """Draw everything that `dvc plots` and people read.

    Args:
        answers: Of the bundle, for N images.
        report: What `report.measure` says of them.
        bins: Number of calibration bins.
        chosen: int64 [n], places of the images of the sample grid.
        pictures: uint8 [n, H, W, 3], those images.

    Returns:
        Contents a file name.
    """
    labels, probabilities, classes = answers.labels, answers.probabilities, answers.classes
    wrong = answers.predictions != labels
    tables = {
        "confusion": curves.confusion(labels, answers.predictions, classes),
        "roc": curves.roc(labels, probabilities, classes),
        "precision_recall": curves.precision_recall(labels, probabilities, classes),
        "reliability": curves.reliability(labels, probabilities, bins),
        "slices": slice_plot.table(report),
    }
    counts = metrics.confusion(labels, answers.predictions, len(classes))
    errors = _value(report["ece"]), _value(report["calibration"]["before"]["ece"])
    drawn = {
        "confusion": plots.confusion_matrix(counts, classes),
        "roc": plots.roc(tables["roc"], _of_classes(report, classes, "auroc")),
        "precision_recall": plots.precision_recall(
            tables["precision_recall"], _of_classes(report, classes, "average_precision")
        ),
        "reliability": plots.reliability(tables["reliability"], *errors),
        "slices": slice_plot.figure(tables["slices"], report["balanced_accuracy"]["value"]),
        "samples": plots.sample_grid(
            list(pictures),
            samples.titles(labels, probabilities, classes, chosen),
            [bool(mistaken) for mistaken in wrong[chosen]],
            f"Test images; {int(np.sum(wrong))} of {len(labels)} mistaken",
        ),
    }
    return {f"{name}.csv": _csv(table) for name, table in tables.items()} | {
        f"{name}.png": content for name, content in drawn.items()
    }


def _of_classes(report: Mapping[str, Any], classes: Sequence[str], measured: str) -> dict[str, float]:
    return {name: _value({"value": report["per_class"][name][measured]}) for name in classes}


def _value(shown: Mapping[str, Any]) -> float:
    return float("nan") if shown["value"] is None else float(shown["value"])


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, float_format="%.6f", lineterminator="\n").encode()
