"""Candidates side by side: figures of each on the validation split, in order. Arithmetic, and text.

All candidates answer for the same images, and share their resamples: how far each is behind the best has a
paired interval. What is chosen by these figures looks a little better on them than it is (the best of many
is partly luck): `evaluate` measures the one that ships, once, on the test split.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scanops.config import Evaluation
from scanops.evaluation import metrics
from scanops.evaluation.metrics import Floats, Integers
from scanops.intervals import Interval, bootstrap

MEASURES = ("balanced_accuracy", "macro_f1")
DIGITS = 6
HEADINGS = (
    "",
    "candidate",
    "balanced accuracy",
    "behind the best",
    "macro-F1",
    "parameters",
    "MB",
    "ms",
    "training",
)


def measure(
    labels: Integers,
    answers: Mapping[str, Integers],
    groups: npt.NDArray[np.generic],
    classes: int,
    settings: Evaluation,
) -> dict[str, dict[str, Any]]:
    """Measure candidates on the same images, and rank them.

    Args:
        labels: int64 [N] in [0, K).
        answers: int64 [N] in [0, K) a candidate.
        groups: [N], what group each image belongs to.
        classes: K.
        settings: Resamples and seed.

    Returns:
        By candidate, the best balanced accuracy first (of equal ones, the better macro-F1, then the name):
        `balanced_accuracy`, `macro_f1`, and `behind_best`, the best one's balanced accuracy less its own;
        each `{"value": x, "ci95": [low, high]}`, null where undefined.

    Raises:
        VerdictError: There are fewer than two groups.
    """
    whole = np.ones((1, len(labels)), np.int64)
    points = {name: _figures(labels, given, classes, whole) for name, given in answers.items()}
    order = sorted(points, key=lambda name: (*(-float(points[name][one][0]) for one in MEASURES), name))

    def statistic(weights: Integers) -> dict[str, Floats]:
        values = {}
        for name in order:
            for one, drawn in _figures(labels, answers[name], classes, weights).items():
                values[f"{name} {one}"] = drawn
            best = values[f"{order[0]} balanced_accuracy"]
            values[f"{name} behind_best"] = best - values[f"{name} balanced_accuracy"]
        return values

    draws = {"resamples": settings.bootstrap_resamples, "seed": settings.seed}
    found = bootstrap(statistic, groups, **draws, split="val")
    return {
        name: {one: _shown(found[f"{name} {one}"]) for one in (*MEASURES, "behind_best")} for name in order
    }


def label(changes: Mapping[str, Any]) -> str:
    """Name a candidate for readers by what it changes.

    Args:
        changes: Keys of `params.yaml` with their sections, and values.
    """
    words = [
        str(value) if key == "training.architecture" else f"{key.rpartition('.')[2]}={value}"
        for key, value in changes.items()
    ]
    return " ".join(words) or "params.yaml as it is"


def table(candidates: Sequence[Mapping[str, Any]]) -> str:
    """Lay out the ranking as text.

    Args:
        candidates: What `reports/compare.json` holds under that key.

    Returns:
        A line a candidate under a line of headings.
    """
    rows = [HEADINGS, *(_row(candidate) for candidate in candidates)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column == 1 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def sentence(report: Mapping[str, Any]) -> str:
    """Say a comparison's outcome: the table, what it rests on, and why candidates failed.

    Args:
        report: What `reports/compare.json` holds.
    """
    lines = [table(report["candidates"])] if report["candidates"] else []
    lines.append(
        f"(on {report['images']} validation images, with 95 % intervals; the test split was not opened)"
    )
    lines += [
        f"failed: {label(failed['changes'])} ({failed['experiment']}): {failed['fault']}"
        for failed in report["failed"]
    ]
    return "\n".join(lines)


def _figures(labels: Integers, given: Integers, classes: int, weights: Integers) -> dict[str, Floats]:
    counts = metrics.confusion(labels, given, classes, weights)
    return {"balanced_accuracy": metrics.balanced_accuracy(counts), "macro_f1": metrics.macro_f1(counts)}


def _row(candidate: Mapping[str, Any]) -> tuple[str, ...]:
    taken = candidate["training_s"]
    return (
        str(candidate["rank"]),
        label(candidate["changes"]),
        _text(candidate["balanced_accuracy"]),
        _text(candidate["behind_best"]) if candidate["rank"] > 1 else "",
        _text(candidate["macro_f1"]),
        f"{candidate['parameters']:,}",
        f"{candidate['bundle_bytes'] / 1e6:.1f}",
        f"{candidate['latency_ms']:.1f}",
        "unknown" if taken is None else f"{taken:.0f} s",
    )


def _text(figure: Mapping[str, Any]) -> str:
    value, ends = figure["value"], figure["ci95"]
    if value is None:
        return "undefined"
    return f"{value:.3f}" + ("" if None in ends else f" ({ends[0]:.3f} to {ends[1]:.3f})")


def _shown(interval: Interval) -> dict[str, Any]:
    value, low, high = (
        # Zero has no sign here: -0.0 would read as a difference.
        round(end, DIGITS) + 0.0 if math.isfinite(end) else None
        for end in (interval.value, interval.low, interval.high)
    )
    return {"value": value, "ci95": [low, high]}
