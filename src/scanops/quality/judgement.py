"""One judgement of a data set: shortcuts, drift, and expectations over all of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from scanops.quality import drift, expectations, report, shortcuts
from scanops.quality.declared import Declared
from scanops.quality.profile import Profile
from scanops.validation_rules import Validation


def judge(
    manifest: pd.DataFrame,
    rules: Validation,
    docs: Path,
    declared: Declared,
    accepted: Profile | None,
) -> report.Judged:
    """Judge a manifest.

    Args:
        manifest: What `data.survey.survey` returns.
        rules: Thresholds and severities.
        docs: Folder for Great Expectations' pages; replaced.
        declared: Expectations of the engineers.
        accepted: Profile of the data accepted before; None without one.

    Returns:
        What was found about the data as a whole.
    """
    found = shortcuts.find(manifest, rules.shortcut_margin)
    moved = None if accepted is None else drift.compare(manifest, accepted, rules.drift)
    asked = expectations.Asked(declared, moved or (), shortcuts.measures(found, rules.shortcut_margin))
    return report.Judged(expectations.judge(manifest, rules, docs, asked), found, moved)


def missed(judged: report.Judged) -> list[str]:
    """Name the critical expectations that the data do not meet."""
    return [found.meaning for found in judged.findings if not found.success and found.severity == "critical"]
