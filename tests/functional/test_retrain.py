"""Retraining with a shared cache: no stage runs twice, and a cache that is away is not overlooked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.retrained import GATE, commit, git

ROOT = Path(__file__).parents[2]
# Stages of the same shape as the real ones; each notes that it ran.
GRAPH = """
stages:
  pull:
    cmd: echo pull >> $LOG; mkdir -p data/raw && cp source data/raw/a
    outs: [data/raw]
  train:
    cmd: echo train >> $LOG; cp data/raw/a data/bundle
    deps: [data/raw]
    params: [training.epochs]
    outs: [data/bundle]
  gate:
    cmd: echo gate >> $LOG; mkdir -p reports && cp verdict reports/gate.json
    deps: [data/bundle]
    params: [gate.max_ece]
    outs: [reports/gate.json: {cache: false}]
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the pipeline on one machine, push its cache, commit its lock."""
    tmp_path = tmp_path_factory.mktemp("machines")
    first = tmp_path / "first"
    first.mkdir()
    (tmp_path / "remote").mkdir()
    shutil.copy(ROOT / "params.yaml", first)
    for name, text in {
        "dvc.yaml": GRAPH,
        "source": "pixels",
        "verdict": json.dumps(GATE),
        ".gitignore": "/data/\n",
    }.items():
        (first / name).write_text(text, encoding="utf-8")
    git(first, "init", "-q")
    subprocess.run(["dvc", "init", "-q"], cwd=first, check=True)
    assert _call(first, "pipelines.retrain").returncode == 0
    assert _ran(first) == ["pull", "train", "gate"]
    assert _call(first, "pipelines.push_cache").returncode == 0
    commit(first, "chore: lock")
    return first


@pytest.fixture
def other(first: Path, request: pytest.FixtureRequest) -> Path:
    """Give another machine: a fresh clone without a cache, named for the test."""
    clone = first.parent / request.node.name
    git(first.parent, "clone", "-q", str(first), str(clone))
    return clone


def _call(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LOG": str(folder.parent / f"{folder.name}.log"),
        "SCANOPS_REMOTE": str(folder.parent / "remote"),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=env, check=False, capture_output=True, text=True
    )


def _ran(folder: Path) -> list[str]:
    log = folder.parent / f"{folder.name}.log"
    return log.read_text(encoding="utf-8").split() if log.exists() else []


def test_a_fresh_machine_fetches_and_runs_what_changed_alone(other: Path) -> None:
    """Nothing changed: no stage runs. Another threshold of the gate: the gate alone."""
    done = _call(other, "pipelines.retrain")
    assert done.returncode == 0, done.stderr
    assert _ran(other) == []
    assert (other / "data/bundle").read_text() == "pixels"
    params = other / "params.yaml"
    params.write_text(params.read_text().replace("max_ece: 0.15", "max_ece: 0.2"))
    assert _call(other, "pipelines.retrain").returncode == 0
    assert _ran(other) == ["gate"]


def test_new_data_are_looked_for_when_asked(other: Path) -> None:
    """DVC cannot see a source change: fetching anew runs the first stage, and the rest where it matters."""
    (other / "source").write_text("other pixels")
    assert _call(other, "pipelines.retrain", "--fetch", "anew").returncode == 0
    assert _ran(other) == ["pull", "train", "gate"]


def test_a_cache_that_is_away_trains_nothing(other: Path) -> None:
    """DVC would train anew; here it is exit code 4, before any stage."""
    done = _call(other, "pipelines.retrain", SCANOPS_REMOTE=str(other / "nowhere"))
    assert done.returncode == 4, done.stdout + done.stderr
    assert "is no folder here" in done.stderr
    assert _ran(other) == []


def test_the_page_holds_the_run_against_a_commit(first: Path) -> None:
    """Metrics stand beside those that the base holds; GitHub's job summary gets the same page."""
    metrics, shown = first / "reports/metrics.json", first.parent / "shown.md"
    metrics.write_text(json.dumps({"accuracy": {"value": 0.9, "ci95": [0.8, 1.0]}, "test_images": 9}))
    commit(first, "chore: metrics")
    metrics.write_text(metrics.read_text().replace("0.9", "0.95"))
    words = ("pipelines.report", "--base", "HEAD", "--page", "reports/summary.md")
    done = _call(first, *words, GITHUB_STEP_SUMMARY=str(shown))
    assert done.returncode == 0, done.stderr
    page = (first / "reports/summary.md").read_text(encoding="utf-8")
    assert page.startswith("## Passed: bundle abababababab\n")
    assert "| accuracy | 0.950 | 0.800 to 1.000 | 0.900 | +0.050 |" in page
    assert shown.read_text(encoding="utf-8") == page
