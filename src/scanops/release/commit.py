"""Which code this is: the commit that is checked out, and when it was made."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

# What goes into results; reports and locks change in every run.
CODE = ("src", "docker", "requirements", "pipelines", "params.yaml", "dvc.yaml")


def name(root: Path) -> str:
    """Name the code.

    Args:
        root: The project's folder.

    Returns:
        The commit's hash, with `-dirty` behind it where tracked code was changed, or `unknown` outside git.
    """
    sha = _git(root, "rev-parse", "HEAD")
    if not sha:
        return "unknown"
    changed = _git(root, "status", "--porcelain", "--", *CODE)
    return f"{sha}-dirty" if changed else sha


def created(root: Path, environ: Mapping[str, str]) -> str:
    """Tell the time of the code, not of a build: the same inputs give the same image.

    Args:
        root: The project's folder.
        environ: Its SOURCE_DATE_EPOCH comes first.

    Returns:
        An ISO 8601 time in UTC.
    """
    stamp = environ.get("SOURCE_DATE_EPOCH") or _git(root, "log", "-1", "--format=%ct") or "0"
    return datetime.fromtimestamp(int(stamp), UTC).isoformat()


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
