"""What `reports/metrics.json` says of a bundle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scanops.config import Evaluation
from scanops.errors import VerdictError
from scanops.evaluation import detection, measures
from scanops.evaluation.measures import PER_CLASS, Answers
from scanops.evaluation.metrics import Integers, Probabilities
from scanops.evaluation.slices import Slice
from scanops.intervals import Interval, bootstrap

OVERALL = ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "average_precision", "brier", "ece")
CONFIDENCE = ("ece", "brier", "nll")
# Digits kept. The last bits of a float differ between processors; a report must not.
DIGITS = 6
# Groups below which a part of the cohort gets no figures: an interval from so few says nothing.
FEWEST = 10


def measure(
    answers: Answers, rivals: Mapping[str, Integers], slices: Sequence[Slice], settings: Evaluation
) -> dict[str, Any]:
    """Score a model, its baselines and parts of the cohort on the same images and the same resamples.

    Args:
        answers: The model's.
        rivals: int64 [N] answers a baseline.
        slices: Parts of the cohort.
        settings: Resamples, seed, calibration bins, and what a detection is.

    Returns:
        The report: NaN as None, other numbers rounded. `margin` of a baseline is the model's
        balanced accuracy less its own, with a paired interval. A part of fewer than 10 groups has
        `too_few` true and no figures.

    Raises:
        ConfigError: `evaluation.negative_class` is no class.
        VerdictError: The answers are no probabilities, or the groups are too few.
    """
    _refuse_improper(answers.probabilities)
    negative = detection.negative_class(answers.classes, settings.negative_class)
    held = [part for part in slices if _groups(answers, part) >= FEWEST]
    statistic = measures.together(
        measures.of_model(answers, negative, settings.detection_specificity),
        measures.of_confidence(answers, settings.calibration_bins),
        measures.of_rivals(answers, rivals),
        measures.of_slices(answers, held),
    )
    found = bootstrap(statistic, answers.groups, resamples=settings.bootstrap_resamples, seed=settings.seed)
    return {
        **{name: _shown(found[name]) for name in OVERALL},
        "per_class": _per_class(answers, found),
        "detection": None if negative is None else _detection(answers.classes[negative], settings, found),
        "calibration": _calibration(answers.temperature, found),
        "baselines": {rival: _under(found, rival, "balanced_accuracy", "margin") for rival in rivals},
        "slices": _slices(answers, slices, found),
        "test_images": len(answers.labels),
        "groups": len(np.unique(answers.groups)),
        "classes": list(answers.classes),
    }


def shortages(answers: Answers, report: Mapping[str, Any]) -> list[str]:
    """Say where there are too few test images for an interval.

    A resample without a group of a class leaves that class out of every mean, and its recall undefined; where
    this happens in more than a fortieth of them, an end of the interval is unknown.

    Args:
        answers: What `measure` was given.
        report: What it returned.

    Returns:
        A sentence a class, and one for the measures of the whole; none where every interval is known.
    """
    remedy = "add images, or raise the share of test in split.fractions"
    blank = [name for name in OVERALL if None in report[name]["ci95"]]
    told = [f"no interval for {', '.join(blank)}: too few test images; {remedy}"] if blank else []
    for place, name in enumerate(answers.classes):
        if None in report["per_class"][name]["recall_ci95"]:
            held = len(np.unique(answers.groups[answers.labels == place]))
            told.append(f"no interval for class {name}: {held} group(s) of it in the test split; {remedy}")
    return told


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
    before = report["calibration"]["before"]["ece"]
    return (
        f"evaluate: on {report['test_images']} pictures in {report['groups']} groups: accuracy "
        f"{_brief(report['accuracy'])}, balanced accuracy {_brief(report['balanced_accuracy'])}; "
        f"calibration error {_brief(report['ece'])}, before calibration {_brief(before)}; "
        f"balanced accuracy of the baselines: {rivals}"
    )


def _per_class(answers: Answers, found: Mapping[str, Interval]) -> dict[str, dict[str, Any]]:
    support = np.bincount(answers.labels, minlength=len(answers.classes))
    described: dict[str, dict[str, Any]] = {}
    for index, name in enumerate(answers.classes):
        described[name] = {"support": int(support[index])}
        for measured in PER_CLASS:
            shown = _shown(found[f"{measured}.{index}"])
            described[name] |= {measured: shown["value"], f"{measured}_ci95": shown["ci95"]}
    return described


def _detection(negative: str, settings: Evaluation, found: Mapping[str, Interval]) -> dict[str, Any]:
    return {
        "negative_class": negative,
        "specificity": settings.detection_specificity,
        "sensitivity": _shown(found["sensitivity"]),
    }


def _calibration(temperature: float, found: Mapping[str, Interval]) -> dict[str, Any]:
    return {
        "temperature": temperature,
        "before": {name: _shown(found[f"before.{name}"]) for name in CONFIDENCE},
        "after": {name: _shown(found[name]) for name in CONFIDENCE},
    }


def _slices(
    answers: Answers, slices: Sequence[Slice], found: Mapping[str, Interval]
) -> dict[str, dict[str, Any]]:
    described: dict[str, dict[str, Any]] = {}
    for part in slices:
        entry: dict[str, Any] = {"images": int(part.member.sum()), "groups": _groups(answers, part)}
        if part.span is not None:
            entry["range"] = [_number(end) for end in part.span]
        entry["too_few"] = entry["groups"] < FEWEST
        if not entry["too_few"]:
            entry |= _under(found, f"{part.trait}.{part.name}", "balanced_accuracy")
        described.setdefault(part.trait, {})[part.name] = entry
    return described


def _under(found: Mapping[str, Interval], prefix: str, *names: str) -> dict[str, Any]:
    return {name: _shown(found[f"{prefix}.{name}"]) for name in ("accuracy", *names)}


def _groups(answers: Answers, part: Slice) -> int:
    return len(np.unique(answers.groups[part.member]))


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
