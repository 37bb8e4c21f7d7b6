"""A clone in which a run has just passed the gate, and the bare remote that it came from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

GRAPH = """
stages:
  gate:
    cmd: "true"
    outs: [data/bundle, reports/gate.json: {cache: false}]
    metrics: [reports/metrics.json: {cache: false}]
"""
GATE = {"verdict": "pass", "bundle_sha256": "ab" * 32, "checks": []}


def git(folder: Path, *words: str) -> str:
    """Run git in a folder; return what it prints."""
    known = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", "-C", str(folder), *known, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def make(root: Path) -> Path:
    """Make a bare remote with one commit of code, a clone of it, and in that what a run left.

    Args:
        root: A folder to make both in.

    Returns:
        The clone; its remote `origin` is beside it.
    """
    bare, clone = root / "origin.git", root / "clone"
    bare.mkdir()
    git(bare, "init", "-q", "--bare")
    git(root, "clone", "-q", str(bare), str(clone))
    for path, text in {
        "dvc.yaml": GRAPH,
        "params.yaml": "{}\n",
        "src/a.py": "",
        ".gitignore": "/data/\n",
    }.items():
        (clone / path).parent.mkdir(exist_ok=True)
        (clone / path).write_text(text, encoding="utf-8")
    commit(clone, "feat: a model")
    git(clone, "push", "-q", "origin", "main")
    run(clone, 0.9)
    return clone


def run(clone: Path, accuracy: float) -> None:
    """Leave what a run leaves."""
    (clone / "reports").mkdir(exist_ok=True)
    (clone / "dvc.lock").write_text(f"accuracy: {accuracy}\n", encoding="utf-8")
    (clone / "reports/gate.json").write_text(json.dumps(GATE), encoding="utf-8")
    (clone / "reports/metrics.json").write_text(json.dumps({"accuracy": accuracy}), encoding="utf-8")
    (clone / "reports/summary.md").write_text(f"## Passed: {accuracy}\n", encoding="utf-8")


def commit(clone: Path, message: str) -> str:
    """Commit everything; return the commit."""
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", message)
    return git(clone, "rev-parse", "HEAD")
