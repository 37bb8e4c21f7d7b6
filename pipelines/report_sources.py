"""Where the page on a run takes its facts from: reports, plots, DVC's status, and git."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

from scanops import reports
from scanops.errors import ConfigError, OutsideError
from scanops.release import summary
from scanops.release.git import Git, GitError


def gather(root: Path, changed: list[str]) -> summary.Run:
    """Read what the last run left.

    Args:
        root: The project's folder.
        changed: Stages that are not up to date.

    Returns:
        The run; without what an earlier one left.
    """
    found = {name: _report(root / "reports" / f"{name}.json") for name in summary.MAKERS}
    return summary.Run(
        **summary.current(found, changed),
        confusion=_rows(root / "plots/evaluation/confusion.csv"),
        curve=_rows(root / "plots/training/learning_curves.csv"),
    )


def changed_stages(root: Path) -> list[str]:
    """Ask DVC which stages are not up to date.

    Args:
        root: The project's folder.

    Returns:
        Their names.

    Raises:
        OutsideError: DVC fails.
    """
    command = ["dvc", "status", "--json"]
    done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OutsideError("dvc status", f"failed: {done.stderr.strip()}", "Mend that first")
    return list(json.loads(done.stdout))


def committed_metrics(root: Path, base: str) -> dict[str, Any] | None:
    """Read the metrics that a commit holds.

    Args:
        root: The project's folder.
        base: Name of the commit.

    Returns:
        They, or None where the commit is not known here or holds none.

    Raises:
        ConfigError: What it holds is no report.
    """
    try:
        text = Git(root).text("show", f"{base}:reports/metrics.json")
    except GitError:
        return None
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"reports/metrics.json of {base}", "is no JSON", "Mend it there") from error
    return dict(values)


def _report(path: Path) -> dict[str, Any] | None:
    return reports.read(path) if path.exists() else None


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
