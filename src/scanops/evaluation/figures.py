"""The plots folder of an evaluation, as file names and contents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scanops.evaluation import curves, metrics, plots, samples
from scanops.evaluation.metrics import Integers, Probabilities
from scanops.imaging import Pixels


def render(
    labels: Integers,
    probabilities: Probabilities,
    classes: Sequence[str],
    bins: int,
    chosen: Integers,
    pictures: Pixels,
) -> dict[str, bytes]:
    """Draw everything that `dvc plots` and people read.

    Args:
        labels: int64 [N] in [0, K).
        probabilities: float32 [N, K], rows add up to 1.
        classes: K names, in order.
        bins: Number of calibration bins.
        chosen: int64 [n], places of the images of the sample grid.
        pictures: uint8 [n, H, W, 3], those images.

    Returns:
        Contents a file name.
    """
    predictions = probabilities.argmax(axis=1)
    areas = metrics.auroc(labels, probabilities)
    error = metrics.expected_calibration_error(labels, probabilities, bins)
    points, calibration = (
        curves.roc(labels, probabilities, classes),
        curves.reliability(labels, probabilities, bins),
    )
    mistaken = (predictions != labels)[chosen]
    return {
        "confusion.csv": _csv(curves.confusion(labels, predictions, classes)),
        "roc.csv": _csv(points),
        "reliability.csv": _csv(calibration),
        "confusion.png": plots.confusion_matrix(
            metrics.confusion(labels, predictions, len(classes)), classes
        ),
        "roc.png": plots.roc(points, dict(zip(classes, map(float, areas), strict=True))),
        "reliability.png": plots.reliability(calibration, float(error)),
        "samples.png": plots.sample_grid(
            list(pictures),
            samples.titles(labels, probabilities, classes, chosen),
            [bool(wrong) for wrong in mistaken],
            f"Test images; {int(np.sum(predictions != labels))} of {len(labels)} mistaken",
        ),
    }


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, float_format="%.6f", lineterminator="\n").encode()
