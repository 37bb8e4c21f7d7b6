"""The points behind the plots, as tables that `dvc plots` reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from scanops.evaluation import calibration
from scanops.evaluation.metrics import Integers, Probabilities


def confusion(labels: Integers, predictions: Integers, classes: Sequence[str]) -> pd.DataFrame:
    """List what each image is and what it was taken for.

    Args:
        labels: int64 [N].
        predictions: int64 [N].
        classes: Names, in order.

    Returns:
        Columns actual and predicted, one row an image.
    """
    names = np.array(classes, dtype=object)
    return pd.DataFrame({"actual": names[labels], "predicted": names[predictions]})


def roc(labels: Integers, probabilities: Probabilities, classes: Sequence[str]) -> pd.DataFrame:
    """Trace the ROC curve of each class against the rest (Fawcett 2006, doi:10.1016/j.patrec.2005.10.010).

    Args:
        labels: int64 [N].
        probabilities: float32 [N, K].
        classes: Names, in order.

    Returns:
        Columns class, fpr and tpr, corners only; a class with no images, or all of them, has no curve.
    """
    curves = []
    for index, name in enumerate(classes):
        positive = labels == index
        if positive.any() and not positive.all():
            fpr, tpr, _ = roc_curve(positive, probabilities[:, index])
            curves.append(pd.DataFrame({"class": name, "fpr": fpr, "tpr": tpr}))
    return pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=["class", "fpr", "tpr"])


def precision_recall(labels: Integers, probabilities: Probabilities, classes: Sequence[str]) -> pd.DataFrame:
    """Trace the precision-recall curve of each class (Davis and Goadrich 2006, doi:10.1145/1143844.1143874).

    Args:
        labels: int64 [N].
        probabilities: float32 [N, K].
        classes: Names, in order.

    Returns:
        Columns class, recall and precision, recall falling; a class with no images, or all of them,
        has no curve.
    """
    curves = []
    for index, name in enumerate(classes):
        positive = labels == index
        if positive.any() and not positive.all():
            precision, recall, _ = precision_recall_curve(positive, probabilities[:, index])
            curves.append(pd.DataFrame({"class": name, "recall": recall, "precision": precision}))
    columns = ["class", "recall", "precision"]
    return pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=columns)


def reliability(labels: Integers, probabilities: Probabilities, bins: int) -> pd.DataFrame:
    """Compare confidence and accuracy of the top label in bins of equal width.

    Args:
        labels: int64 [N].
        probabilities: float32 [N, K].
        bins: Number of bins over (0, 1].

    Returns:
        Columns low, high (the bin's edges), confidence, accuracy (means in the bin) and count;
        bins without images are left out.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    member = calibration.bin_of(confidence, bins)
    count = np.bincount(member, minlength=bins)
    held = np.flatnonzero(count)
    return pd.DataFrame(
        {
            "low": held / bins,
            "high": (held + 1) / bins,
            "confidence": np.bincount(member, confidence, bins)[held] / count[held],
            "accuracy": np.bincount(member, correct, bins)[held] / count[held],
            "count": count[held],
        }
    )
