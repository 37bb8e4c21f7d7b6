"""What abstaining costs on head scans and what it turns away of everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from scanops.abstention import UNLIKE, UNSURE, Limits, Why
from scanops.config import Evaluation
from scanops.evaluation import metrics
from scanops.evaluation.measures import Answers
from scanops.evaluation.metrics import Floats, Integers
from scanops.intervals import Interval, bootstrap

DIGITS = 6


def measure(
    answers: Answers,
    why: Sequence[Why | None],
    strangers: Mapping[str, Sequence[Why | None]],
    limits: Limits | None,
    settings: Evaluation,
) -> dict[str, Any] | None:
    """Score what a bundle answers and what it leaves.

    Args:
        answers: For the N test images, those that it abstains from included.
        why: N reasons to abstain, None where it answers.
        strangers: Reasons for pictures that are no head scans, a kind.
        limits: The bundle's; None where it never abstains.
        settings: Resamples and seed.

    Returns:
        A part of `reports/metrics.json`, None without limits: `false_rejection` is the share of test images
        without an answer, `accuracy_answered` and `balanced_accuracy_answered` are of the others, with
        intervals over groups; `strangers_abstained` is over all strangers, and `strangers` tells it for each
        kind, with exact binomial intervals (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404).
    """
    if limits is None:
        return None
    found = bootstrap(
        lambda weights: _statistic(answers, why, weights),
        answers.groups,
        resamples=settings.bootstrap_resamples,
        seed=settings.seed,
    )
    kinds = {kind: _share(reasons) for kind, reasons in strangers.items()}
    together = _share([reason for reasons in strangers.values() for reason in reasons])
    return {
        "max_novelty": limits.novelty,
        "min_confidence": limits.confidence,
        "promised_false_rejection": limits.false_rejection,
        **{name: _shown(interval) for name, interval in found.items()},
        "strangers_abstained": {"value": together["abstained"], "ci95": together["ci95"]},
        "strangers": kinds,
    }


def sentence(report: Mapping[str, Any] | None) -> str:
    """Say the gist in one line.

    Args:
        report: What `measure` returns, or None for a bundle that never abstains.

    Returns:
        The end of the line that `evaluate` prints.
    """
    if report is None:
        return "; it never abstains"
    rejected, turned = report["false_rejection"], report["strangers_abstained"]
    low, high = rejected["ci95"]
    return (
        f"; it abstains from {rejected['value']:.1%} ({low:.1%} to {high:.1%}) of them, and from "
        f"{turned['value']:.1%} of pictures that are no head scans"
    )


def curve(answers: Answers) -> pd.DataFrame:
    """Trace accuracy over coverage: of the surest answer alone, of the two surest, … of all.

    The risk-coverage curve of selective classification (El-Yaniv and Wiener 2010, JMLR 11:1605), as
    accuracy. Equal confidences come and go together.

    Args:
        answers: For N images.

    Returns:
        Columns coverage, accuracy and confidence (the least among those answered), coverage rising.
    """
    confidence = answers.probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    right = (answers.predictions == answers.labels)[order]
    count = np.arange(1, len(order) + 1)
    last = np.append(confidence[order][1:] != confidence[order][:-1], True)
    table = {"coverage": count / len(order), "accuracy": right.cumsum() / count}
    return pd.DataFrame({**table, "confidence": confidence[order].astype(np.float64)})[last]


def _statistic(answers: Answers, why: Sequence[Why | None], weights: Integers) -> dict[str, Floats]:
    reasons = np.array([reason or "" for reason in why])
    answered = reasons == ""
    counts = metrics.confusion(
        answers.labels[answered],
        answers.predictions[answered],
        len(answers.classes),
        weights[:, answered],
    )
    total = weights.sum(axis=1)
    shares = {
        "false_rejection": weights[:, ~answered].sum(axis=1) / total,
        UNLIKE: weights[:, reasons == UNLIKE].sum(axis=1) / total,
        UNSURE: weights[:, reasons == UNSURE].sum(axis=1) / total,
    }
    return {
        "coverage": 1.0 - shares["false_rejection"],
        **shares,
        "accuracy_answered": metrics.accuracy(counts),
        "balanced_accuracy_answered": metrics.balanced_accuracy(counts),
    }


def _share(reasons: Sequence[Why | None]) -> dict[str, Any]:
    turned = sum(reason is not None for reason in reasons)
    ends = stats.binomtest(turned, len(reasons)).proportion_ci(0.95, method="exact")
    return {
        "pictures": len(reasons),
        "abstained": round(turned / len(reasons), DIGITS),
        "ci95": [round(float(end), DIGITS) for end in ends],
    }


def _shown(interval: Interval) -> dict[str, Any]:
    value, low, high = (
        round(end, DIGITS) if np.isfinite(end) else None
        for end in (interval.value, interval.low, interval.high)
    )
    return {"value": value, "ci95": [low, high]}
