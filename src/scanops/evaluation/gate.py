"""The verdict on a bundle, from its metrics alone.

Balanced accuracy, macro-F1 and AUROC are judged by the lower end of their 95 % interval, so a
small test set has to show more. The calibration error is judged by the upper end, for the same
reason. Each class's recall is judged by its value: a class has too few
test images for an interval that says much. The margin is judged by the lower end of the *paired*
interval of the difference in balanced accuracy, over the baseline that leaves the least of it:
the two intervals taken apart would count the same lucky images twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanops.config import Gate

REMEDY = "Look at plots/evaluation, then change the data, the training or, with a reason, the section gate"
# What `baselines.answers` gives; named here so that a verdict loads no classifier.
BASELINES = ("majority", "image_size", "nearest_neighbour")
LEGEND = "(the worse end of 95 % intervals; recall is the value itself)"
MB = 1_000_000


@dataclass(frozen=True)
class Check:
    """One thing that a model must reach, or must not exceed.

    Attributes:
        name: What is checked.
        value: What was reached; None when it is missing or not a finite number.
        threshold: What is needed, at least; or with a ceiling, at most.
        passed: Whether the value is on the right side of the threshold, or on it; never without a value.
        bound: `floor` or `ceiling`.
    """

    name: str
    value: float | None
    threshold: float
    passed: bool
    bound: str = "floor"


def judge(metrics: Mapping[str, Any], gate: Gate) -> list[Check]:
    """Hold metrics against what a model must reach.

    Args:
        metrics: What `reports/metrics.json` holds.
        gate: The floors and ceilings.

    Returns:
        The checks, in a fixed order. What is missing, or not a finite number, never passes.
    """
    return [
        at_least("balanced_accuracy", _low(metrics, "balanced_accuracy"), gate.min_balanced_accuracy),
        at_least("macro_f1", _low(metrics, "macro_f1"), gate.min_macro_f1),
        at_least("auroc", _low(metrics, "auroc"), gate.min_auroc),
        *_recalls(metrics, gate.min_class_recall),
        _margin(metrics, gate.min_margin_over_baseline),
        at_most("ece", _end(metrics, 1, "ece"), gate.max_ece),
        *_abstention(metrics, gate),
    ]


def at_least(name: str, value: object, threshold: float) -> Check:
    """Check one value.

    Args:
        name: What is checked.
        value: What was reached.
        threshold: What is needed.

    Returns:
        The check; not passed when the value is no finite number.
    """
    number = _number(value)
    return Check(name, number, threshold, number is not None and number >= threshold)


def at_most(name: str, value: object, threshold: float) -> Check:
    """Check one value against a ceiling.

    Args:
        name: What is checked.
        value: What was reached.
        threshold: What is allowed.

    Returns:
        The check; not passed when the value is no finite number.
    """
    number = _number(value)
    return Check(name, number, threshold, number is not None and number <= threshold, "ceiling")


def weighs(size_bytes: int, gate: Gate) -> Check:
    """Check the size of a bundle.

    Args:
        size_bytes: All its files.
        gate: The budget.

    Returns:
        The check, in units of 10^6 bytes.
    """
    return at_most("bundle_mb", size_bytes / MB, gate.max_bundle_mb)


def holds(name: str, condition: bool) -> Check:
    """Check a condition, as 1 for true and 0 for false against a threshold of 1.

    Args:
        name: What must hold.
        condition: Whether it does.

    Returns:
        The check.
    """
    return at_least(name, float(condition), 1.0)


def shortfall(check: Mapping[str, Any]) -> str:
    """Say how a check went.

    Args:
        check: One of the `checks` of a gate report.

    Returns:
        `passed`, `short by …`, `over by …` or `missing`.
    """
    if check["passed"]:
        return "passed"
    if check["value"] is None:
        return "missing"
    fault = "over" if _is_ceiling(check) else "short"
    return f"{fault} by {abs(check['threshold'] - check['value']):.4f}"


def table(report: Mapping[str, Any]) -> str:
    """Lay out a gate report for a terminal.

    Args:
        report: What `reports/gate.json` holds.

    Returns:
        A heading, one aligned line a check, a legend, the verdict and the warnings about the data; no
        final newline.
    """
    head = ("check", "value", "needed", "")
    rows = [
        (c["name"], "-" if c["value"] is None else f"{c['value']:.4f}", _needed(c), shortfall(c))
        for c in report["checks"]
    ]
    name, value, needed, _ = (max(map(len, column)) for column in zip(head, *rows, strict=True))
    lines = [f"{a:<{name}}  {b:>{value}}  {c:>{needed}}  {d}".rstrip() for a, b, c, d in (head, *rows)]
    warned = [f"warning: {sentence}" for sentence in report.get("warnings", [])]
    return "\n".join([*lines, LEGEND, f"verdict: {report['verdict']}", *warned])


def summary(report: Mapping[str, Any]) -> str:
    """Name what fell short, for one line of a message.

    Args:
        report: What `reports/gate.json` holds.

    Returns:
        The failed checks and by how much.
    """
    return "is refused: " + ", ".join(
        f"{c['name']} {shortfall(c)}" for c in report["checks"] if not c["passed"]
    )


def _recalls(metrics: Mapping[str, Any], threshold: float) -> list[Check]:
    classes = metrics.get("classes")
    if not isinstance(classes, Sequence) or isinstance(classes, str) or not classes:
        return [at_least("recall", None, threshold)]
    return [at_least(f"recall[{c}]", _at(metrics, "per_class", c, "recall"), threshold) for c in classes]


def _abstention(metrics: Mapping[str, Any], gate: Gate) -> list[Check]:
    """Ask only what can fail, so that a bundle without abstention can pass where nobody wants it."""
    checks = []
    if gate.min_strangers_abstained > 0:
        turned = _low(metrics, "abstention", "strangers_abstained")
        checks.append(at_least("strangers_abstained", turned, gate.min_strangers_abstained))
    if gate.max_false_rejection < 1:
        rejected = _end(metrics, 1, "abstention", "false_rejection")
        checks.append(at_most("false_rejection", rejected, gate.max_false_rejection))
    return checks


def _margin(metrics: Mapping[str, Any], threshold: float) -> Check:
    margins = {name: _number(_low(metrics, "baselines", name, "margin")) for name in BASELINES}
    hardest = min(margins, key=lambda name: -math.inf if margins[name] is None else margins[name] or 0.0)
    return at_least(f"margin_over_baseline[{hardest}]", margins[hardest], threshold)


def _needed(check: Mapping[str, Any]) -> str:
    return f"{'at most ' if _is_ceiling(check) else ''}{check['threshold']:.4f}"


def _is_ceiling(check: Mapping[str, Any]) -> bool:
    return check.get("bound") == "ceiling"


def _low(metrics: Mapping[str, Any], *keys: str) -> object:
    return _end(metrics, 0, *keys)


def _end(metrics: Mapping[str, Any], place: int, *keys: str) -> object:
    ends = _at(metrics, *keys, "ci95")
    if not isinstance(ends, Sequence) or isinstance(ends, str) or len(ends) != 2:
        return None
    return ends[place]


def _at(values: object, *keys: str) -> object:
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
