"""Candidates are ranked on the same images, with intervals, and shown as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scanops.config import Evaluation
from scanops.errors import VerdictError
from scanops.evaluation import comparison, comparison_plot

SETTINGS = Evaluation(bootstrap_resamples=300)
LABELS = np.arange(120) % 3
GROUPS = np.arange(120) // 2


def answering(right: float) -> np.ndarray:
    """Answer rightly for a share of the images, the same ones for every share."""
    order = np.random.default_rng(0).permutation(len(LABELS))
    return np.where(order < right * len(LABELS), LABELS, (LABELS + 1) % 3)


def entries(measured: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the candidates costs, as the report does."""
    costs = {"parameters": 12_345, "bundle_bytes": 2_500_000, "latency_ms": 1.25, "training_s": None}
    return [
        {
            "rank": rank,
            "changes": {"training.architecture": name, "training.dropout": 0.1},
            **figures,
            **costs,
        }
        for rank, (name, figures) in enumerate(measured.items(), start=1)
    ]


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, Any]]:
    """Three candidates, named against their order."""
    answers = {"a": answering(0.5), "b": answering(0.9), "c": answering(0.8)}
    return comparison.measure(LABELS, answers, GROUPS, 3, SETTINGS)


def test_the_best_balanced_accuracy_comes_first(measured: dict[str, dict[str, Any]]) -> None:
    """Candidates come in their order, each value within its interval."""
    assert list(measured) == ["b", "c", "a"]
    for figures in measured.values():
        for name in comparison.MEASURES:
            low, high = figures[name]["ci95"]
            assert low <= figures[name]["value"] <= high


def test_how_far_behind_is_paired(measured: dict[str, dict[str, Any]]) -> None:
    """The best is behind itself by nothing; one that is wrong wherever the best is, is surely behind."""
    assert measured["b"]["behind_best"] == {"value": 0.0, "ci95": [0.0, 0.0]}
    assert measured["a"]["behind_best"]["ci95"][0] > 0.2
    lost = measured["b"]["balanced_accuracy"]["value"] - measured["c"]["balanced_accuracy"]["value"]
    assert measured["c"]["behind_best"]["value"] == pytest.approx(lost, abs=2e-6)


def test_ties_are_broken_by_name() -> None:
    """The order of equal candidates does not depend on the order in which they came."""
    same = answering(0.7)
    for names in (("x", "y"), ("y", "x")):
        ranked = comparison.measure(LABELS, dict.fromkeys(names, same), GROUPS, 3, SETTINGS)
        assert list(ranked) == ["x", "y"]


def test_one_group_is_too_few() -> None:
    """Without a spread between groups there is no interval, and no ranking: the split at fault is named."""
    with pytest.raises(VerdictError, match=r"val split: .* too few .* share of `val`"):
        comparison.measure(LABELS, {"a": LABELS}, np.zeros(120), 3, SETTINGS)


def test_the_sentence_shows_all_candidates_and_failures(measured: dict[str, dict[str, Any]]) -> None:
    """A line a candidate with its costs, and why another failed."""
    failed = {"changes": {"training.architecture": "vgg16"}, "experiment": "export-1", "fault": "no room"}
    report = {"candidates": entries(measured), "images": 120, "failed": [failed]}
    lines = comparison.sentence(report).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "3"]
    assert "b dropout=0.1" in lines[1]
    assert all(text in lines[2] for text in ("12,345", "2.5", "1.2", "unknown"))
    assert lines[-1] == "failed: vgg16 (export-1): no room"


def test_the_plot_is_the_same_each_time(measured: dict[str, dict[str, Any]]) -> None:
    """The same ranking gives the same PNG."""
    drawn = comparison_plot.figure(entries(measured), 120)
    assert drawn.startswith(b"\x89PNG")
    assert drawn == comparison_plot.figure(entries(measured), 120)
