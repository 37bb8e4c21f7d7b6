"""What `reports/metrics.json` says of a bundle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scanops.config import Evaluation
from scanops.errors import VerdictError
from scanops.evaluation import metrics
from scanops.evaluation.metrics import Floats, Integers, Probabilities
from scanops.intervals import Interval, Statistic, bootstrap

OVERALL = ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "ece")
# Digits kept. The last bits of a float differ between processors; a report must not.
DIGITS = 6


def measure(
    labels: Integers,
    probabilities: Probabilities,
    groups: npt.NDArray[np.generic],
    rivals: Mapping[str, Integers],
    classes: Sequence[str],
    settings: Evaluation,
) -> dict[str, Any]:
    """Score a model and its baselines on the same images and the same resamples.

    Args:
        labels: int64 [N] in [0, K).
        probabilities: float32 [N, K], rows add up to 1.
        groups: [N], what group each image belongs to.
        rivals: int64 [N] answers a baseline.
        classes: K names, in order.
        settings: Resamples, seed and calibration bins.

    Returns:
        The report: NaN as None, other numbers rounded. `margin` of a baseline is the model's
        balanced accuracy less its own, with a paired interval.

    Raises:
        VerdictError: The answers are no probabilities, or the groups are too few.
    """
    _refuse_improper(probabilities)
    statistic = _statistic(labels, probabilities, rivals, settings.calibration_bins)
    found = bootstrap(statistic, groups, resamples=settings.bootstrap_resamples, seed=settings.seed)
    counts = metrics.confusion(labels, probabilities.argmax(axis=1), len(classes))
    return {
        **{name: _shown(found[name]) for name in OVERALL},
        "per_class": _per_class(counts, classes, found),
        "baselines": {
            rival: {
                "accuracy": _shown(found[f"{rival}.accuracy"]),
                "balanced_accuracy": _shown(found[f"{rival}.balanced_accuracy"]),
                "margin": _shown(found[f"{rival}.margin"]),
            }
            for rival in rivals
        },
        "test_images": len(labels),
        "groups": len(np.unique(groups)),
        "classes": list(classes),
    }


def sentence(report: Mapping[str, Any]) -> str:
    """Say a report's gist in one line, with the baselines beside the model.

    Args:
        report: What `measure` returns.

    Returns:
        One line for the terminal.
    """
    rivals = ", ".join(
        f"{name.replace('_', ' ')} {_brief(found['balanced_accuracy'])}"
        for name, found in report["baselines"].items()
    )
    return (
        f"evaluate: on {report['test_images']} pictures in {report['groups']} groups: accuracy "
        f"{_brief(report['accuracy'])}, balanced accuracy {_brief(report['balanced_accuracy'])}; "
        f"balanced accuracy of the baselines: {rivals}"
    )


def _statistic(
    labels: Integers, probabilities: Probabilities, rivals: Mapping[str, Integers], bins: int
) -> Statistic:
    predictions, classes = probabilities.argmax(axis=1), probabilities.shape[1]

    def statistic(weights: Integers) -> dict[str, Floats]:
        counts = metrics.confusion(labels, predictions, classes, weights)
        values = {
            "accuracy": metrics.accuracy(counts),
            "balanced_accuracy": metrics.balanced_accuracy(counts),
            "macro_f1": metrics.macro_f1(counts),
            "auroc": metrics.macro(metrics.auroc(labels, probabilities, weights)),
            "ece": metrics.expected_calibration_error(labels, probabilities, bins, weights),
        }
        recall = metrics.recall(counts)
        values |= {f"recall.{index}": recall[:, index] for index in range(classes)}
        for name, answers in rivals.items():
            theirs = metrics.confusion(labels, answers, classes, weights)
            balanced = metrics.balanced_accuracy(theirs)
            values[f"{name}.accuracy"] = metrics.accuracy(theirs)
            values[f"{name}.balanced_accuracy"] = balanced
            values[f"{name}.margin"] = values["balanced_accuracy"] - balanced
        return values

    return statistic


def _per_class(
    counts: Floats, classes: Sequence[str], found: Mapping[str, Interval]
) -> dict[str, dict[str, Any]]:
    precision, support = metrics.precision(counts), counts.sum(-1)
    return {
        name: {
            "recall": _number(found[f"recall.{index}"].value),
            "recall_ci95": _shown(found[f"recall.{index}"])["ci95"],
            "precision": _number(precision[index]),
            "support": int(support[index]),
        }
        for index, name in enumerate(classes)
    }


def _refuse_improper(probabilities: Probabilities) -> None:
    with np.errstate(invalid="ignore"):
        total = probabilities.sum(axis=1, dtype=np.float64)
        # Written so that what is not finite fails it.
        improper = ~((np.abs(total - 1.0) <= 1e-3) & (probabilities.min(axis=1) >= 0))
    if improper.any():
        raise VerdictError(
            "bundle",
            f"gives no probabilities for {int(improper.sum())} of {len(improper)} test images",
            "Look for a training run that diverged, or a graph that ends without a softmax",
        )


def _shown(interval: Interval) -> dict[str, Any]:
    return {"value": _number(interval.value), "ci95": [_number(interval.low), _number(interval.high)]}


def _brief(shown: Mapping[str, Any]) -> str:
    ends = (shown["value"], *shown["ci95"])
    value, low, high = ("?" if end is None else f"{end:.3f}" for end in ends)
    return f"{value} ({low} to {high})"


def _number(value: float) -> float | None:
    return round(float(value), DIGITS) if math.isfinite(value) else None
