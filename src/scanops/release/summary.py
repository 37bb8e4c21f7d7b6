"""One page on a run, for whoever decides about it: metrics beside those of main, verdicts, findings, plots.

Markdown that GitHub shows: it hides embedded pictures, so what is drawn there is a table or a Mermaid chart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import jinja2

from scanops.evaluation import gate
from scanops.evaluation.markdown import cell

TEMPLATE = "summary.md.j2"
Report = Mapping[str, Any]
# The stage that makes a report; a report of a stage that is not up to date is one of an earlier run.
MAKERS = {"validation": "validate", "metrics": "evaluate", "gate": "gate"}
REFUSED = "fail"


@dataclass(frozen=True)
class Run:
    """What a run left.

    Attributes:
        validation: What `reports/validation.json` holds; None where this run made none.
        metrics: The same of `reports/metrics.json`.
        gate: The same of `reports/gate.json`.
        stale: Stages whose reports were left out.
        confusion: Rows with `actual` and `predicted`, one a test image.
        curve: Rows of the learning curves, one an epoch.
    """

    validation: Report | None = None
    metrics: Report | None = None
    gate: Report | None = None
    stale: Sequence[str] = ()
    confusion: Sequence[Mapping[str, str]] = field(default_factory=list)
    curve: Sequence[Mapping[str, str]] = field(default_factory=list)


def current(reports: Mapping[str, Report | None], changed: Sequence[str]) -> dict[str, Any]:
    """Keep the reports that this run made; those of an earlier one lie in git beside them.

    A stage that refused is never up to date for DVC; its report is of this run all the same, as none that
    refused is ever committed.

    Args:
        reports: `validation`, `metrics` and `gate`, None where there is none.
        changed: Stages that DVC says are not up to date.

    Returns:
        Arguments of `Run`.
    """
    kept: dict[str, Any] = {}
    for name, stage in MAKERS.items():
        report = reports.get(name)
        fresh = report is not None and (stage not in changed or report.get("verdict") == REFUSED)
        kept[name] = report if fresh else None
    refused = kept["validation"] is not None and kept["validation"].get("verdict") == REFUSED
    if refused:
        kept |= {"metrics": None, "gate": None}
    if kept["gate"] and kept["metrics"] is None:
        kept["gate"] = None
    return {**kept, "stale": [stage for name, stage in MAKERS.items() if kept[name] is None]}


def render(run: Run, before: Report | None, base: str) -> str:
    """Write the page.

    Args:
        run: What it is about.
        before: What `reports/metrics.json` held at the base; None where it was not committed there.
        base: Name of the base.

    Returns:
        Markdown, ended by a newline.
    """
    environment = jinja2.Environment(  # noqa: S701 -- Markdown: `cell` escapes what names hold
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["cell"] = cell
    text = (resources.files("scanops.release") / "templates" / TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(text).render(
        headline=_headline(run),
        stale=run.stale,
        metrics=run.metrics,
        rows=_rows(run.metrics, before) if run.metrics else [],
        base=base,
        note=_note(run.metrics, before, base),
        gate=run.gate,
        checks=_checks(run.gate) if run.gate else [],
        validation=run.validation,
        findings=_findings(run.validation) if run.validation else [],
        defects={k: n for k, n in (run.validation or {}).get("defects", {}).items() if n},
        confusion=_confusion(run) if run.metrics else {},
        curve=_curve(run.curve) if run.metrics else None,
    )


def _headline(run: Run) -> str:
    if run.validation and run.validation["verdict"] == REFUSED:
        return "Refused: the data did not pass validation"
    if run.gate is None:
        return "Not judged: the pipeline did not reach the gate"
    if run.gate["verdict"] == REFUSED:
        return f"Refused by the gate: {gate.summary(run.gate).removeprefix('is refused: ')}"
    return f"Passed: bundle {str(run.gate['bundle_sha256'])[:12]}"


def _rows(metrics: Report, before: Report | None) -> list[dict[str, str]]:
    rows = []
    for name, shown in metrics.items():
        if not (isinstance(shown, Mapping) and {"value", "ci95"} <= set(shown)):
            continue
        value, (low, high) = shown["value"], shown["ci95"]
        earlier = ((before or {}).get(name) or {}).get("value")
        known = value is not None and earlier is not None
        rows.append(
            {
                "name": name,
                "value": _figure(value),
                "interval": f"{_figure(low)} to {_figure(high)}",
                "before": _figure(earlier),
                "change": f"{value - earlier:+.3f}" if known else "",
            }
        )
    return rows


def _note(metrics: Report | None, before: Report | None, base: str) -> str:
    if metrics is None:
        return ""
    if before is None:
        return f"{base} holds no reports/metrics.json to compare with."
    if before.get("test_images") != metrics.get("test_images"):
        return f"{base} was measured on {before.get('test_images')} test images: not the same ones."
    return ""


def _checks(report: Report) -> list[dict[str, str]]:
    return [
        {
            "name": check["name"],
            "value": _figure(check["value"]),
            "needed": ("at most " if check.get("bound") == "ceiling" else "") + _figure(check["threshold"]),
            "went": gate.shortfall(check),
        }
        for check in report["checks"]
    ]


def _findings(validation: Report) -> list[str]:
    missed = [
        f"failed: {finding['meaning']}"
        for finding in validation.get("expectations", [])
        if not finding["success"] and finding["severity"] == "critical"
    ]
    return [*missed, *validation.get("warnings", [])]


def _confusion(run: Run) -> dict[str, dict[str, int]]:
    names = sorted({row[key] for row in run.confusion for key in ("actual", "predicted")})
    counts = {actual: dict.fromkeys(names, 0) for actual in names}
    for row in run.confusion:
        counts[row["actual"]][row["predicted"]] += 1
    return counts


def _curve(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]] | None:
    names = ("balanced_accuracy", "val_balanced_accuracy")
    if len(rows) < 2 or not all(name in rows[0] for name in names):
        return None
    return {name: [f"{float(row[name]):.3f}" for row in rows] for name in names}


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
