"""The page on a run: what it says, what it leaves out, and that names in it stay text."""

from __future__ import annotations

from typing import Any

import pytest

from scanops.release import summary
from scanops.release.summary import Run

VALIDATION: dict[str, Any] = {
    "verdict": "warn",
    "images": 600,
    "quarantined": 24,
    "duplicate_groups": 12,
    "label_conflicts": 3,
    "supplied_split_leakage": {"test_images": 120, "leaked": 4},
    "defects": {"blank": 3, "truncated": 0},
    "warnings": ["not met: no copies (seen: 4)"],
    "expectations": [{"meaning": "one row a file", "success": False, "severity": "critical"}],
}
METRICS: dict[str, Any] = {
    "accuracy": {"value": 0.926, "ci95": [0.881, 0.963]},
    "ece": {"value": None, "ci95": [None, None]},
    "test_images": 135,
    "bundle_sha256": "ab" * 32,
}
GATE: dict[str, Any] = {
    "verdict": "pass",
    "bundle_sha256": "ab" * 32,
    "checks": [
        {"name": "recall[x|y]", "value": 0.9, "threshold": 0.6, "passed": True, "bound": "floor"},
        {"name": "ece", "value": 0.2, "threshold": 0.15, "passed": False, "bound": "ceiling"},
    ],
}
ALL = {"validation": VALIDATION, "metrics": METRICS, "gate": GATE}
FAILED = {**GATE, "verdict": "fail"}


def _page(run: Run, before: dict[str, Any] | None = None) -> list[str]:
    return summary.render(run, before, "origin/main").splitlines()


def test_metrics_stand_beside_those_of_main() -> None:
    """Value, interval, what main holds, and the change; what is not known is a dash."""
    page = _page(Run(VALIDATION, METRICS, GATE), {"accuracy": {"value": 0.9}, "test_images": 135})
    assert page[0] == "## Passed: bundle abababababab"
    assert "| accuracy | 0.926 | 0.881 to 0.963 | 0.900 | +0.026 |" in page
    assert "| ece | - | - to - | - |  |" in page


@pytest.mark.parametrize(
    ("before", "note"),
    [
        (None, "origin/main holds no reports/metrics.json to compare with."),
        ({"test_images": 99}, "origin/main was measured on 99 test images: not the same ones."),
        ({"test_images": 135}, None),
    ],
)
def test_a_lame_comparison_is_told(before: dict[str, Any] | None, note: str | None) -> None:
    """Nothing to compare with, or other images: the page says so."""
    page = _page(Run(VALIDATION, METRICS, GATE), before)
    assert [line for line in page if line.startswith("origin/main ")] == ([note] if note else [])


def test_gate_and_findings_are_listed() -> None:
    """Each check with what it needed, each defect that was found, what failed and what is warned of."""
    page = _page(Run(VALIDATION, METRICS, FAILED))
    assert page[0] == "## Refused by the gate: ece over by 0.0500"
    assert "| recall\\[x\\|y\\] | 0.900 | 0.600 | passed |" in page
    assert "| ece | 0.200 | at most 0.150 | over by 0.0500 |" in page
    assert "- failed: one row a file" in page
    assert "- not met: no copies (seen: 4)" in page
    assert "| blank | 3 |" in page
    assert not [line for line in page if line.startswith("| truncated")]


def test_plots_are_tables_and_charts_that_github_draws() -> None:
    """The confusion matrix counts answers; the curves are a Mermaid chart; a single epoch is none."""
    answers = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "b")]
    confusion = [{"actual": actual, "predicted": predicted} for actual, predicted in answers]
    curve = [{"balanced_accuracy": "0.5", "val_balanced_accuracy": "0.4"}] * 2
    page = _page(Run(VALIDATION, METRICS, GATE, confusion=confusion, curve=curve))
    assert "| a | 1 | 1 |" in page
    assert "| b | 0 | 2 |" in page
    assert "  line [0.500, 0.500]" in page
    assert "  line [0.400, 0.400]" in page
    assert "```mermaid" not in _page(Run(VALIDATION, METRICS, GATE, curve=curve[:1]))


@pytest.mark.parametrize(
    ("reports", "changed", "kept", "headline"),
    [
        (ALL, [], {"validation", "metrics", "gate"}, "Passed"),
        (
            {**ALL, "gate": FAILED},
            ["gate", "image"],
            {"validation", "metrics", "gate"},
            "Refused by the gate",
        ),
        # The reports below are of an earlier run, and lie in git.
        (ALL, ["train", "export", "evaluate", "gate"], {"validation"}, "Not judged"),
        (ALL, ["gate"], {"validation", "metrics"}, "Not judged"),
        (
            {**ALL, "validation": {**VALIDATION, "verdict": "fail"}},
            ["validate", "split", "train", "export", "evaluate", "gate"],
            {"validation"},
            "Refused: the data did not pass",
        ),
        (ALL, ["validate", "evaluate", "gate"], set(), "Not judged"),
        ({}, [], set(), "Not judged"),
    ],
)
def test_reports_of_an_earlier_run_are_left_out(
    reports: dict[str, Any], changed: list[str], kept: set[str], headline: str
) -> None:
    """Only what this run made is shown; what is left out is named."""
    run = Run(**summary.current(reports, changed))
    assert {name for name in summary.MAKERS if getattr(run, name) is not None} == kept
    assert list(run.stale) == [stage for name, stage in summary.MAKERS.items() if name not in kept]
    page = _page(run)
    assert page[0].startswith(f"## {headline}")
    assert any(line.startswith("Left out") for line in page) == bool(run.stale)
