"""One bundle that cannot be measured costs one line of the report, and no picture outlives its report."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pipelines import compare, compare_measure, compare_run
from scanops import search_space
from scanops.errors import OutsideError, VerdictError
from scanops.release import comparison_runs, experiments
from tests.contract.imports import ROOT

PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
PLAN = compare_run.Plan(
    search_space.configure(PARAMS, {}),
    "split-d",
    {"export-a": {"training.dropout": 0.1}, "export-b": {"training.dropout": 0.2}},
    {},
)
SEARCH = search_space.parse({"name": "s", "candidates": [{}]}, "s.yaml")
COSTS = {"parameters": 1, "bundle_bytes": 1, "latency_ms": 1.0, "model_sha256": "m"}


def test_a_bundle_that_cannot_be_measured_is_listed_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are ranked all the same, and reasons that the cluster gave are kept."""
    rows = pd.DataFrame({"group": ["a", "b", "c", "d"]})
    val = SimpleNamespace(rows=rows, targets=np.array([0, 1, 0, 1]), paths=[])
    asked = compare_measure.Questions(val, ("no", "yes"), Path())

    def measure(root: Path, name: str, commit: str, asked: object) -> tuple[Any, dict[str, Any]]:
        if name == "export-b":
            raise OutsideError("data/bundle of an experiment", "is not in DVC's cache", "Do something")
        return val.targets, COSTS

    found = {"split-d": "1", "export-a": "2", "export-b": "3"}
    monkeypatch.setattr(experiments, "results", lambda _root: found)
    monkeypatch.setattr(compare_measure, "_questions", lambda *_words: asked)
    monkeypatch.setattr(compare_measure, "_measure", measure)
    monkeypatch.setattr(comparison_runs, "training", lambda *_words: None)
    monkeypatch.setattr(comparison_runs, "note", lambda *_words: None)
    report = compare_measure.collect(PLAN, SEARCH, Path(), {})
    assert [entry["experiment"] for entry in report["candidates"]] == ["export-a"]
    (failed,) = report["failed"]
    assert failed["experiment"] == "export-b"
    assert "not in DVC's cache" in failed["fault"]
    assert "dvc exp remove export-b" in failed["fault"]
    del found["export-a"]
    report = compare_measure.collect(PLAN, SEARCH, Path(), {"export-a": "its node is gone"})
    assert report["candidates"] == []
    assert report["failed"][0]["fault"] == "its node is gone"


def test_a_bundle_is_there_only_while_it_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison of hundreds does not fill the disk."""

    def fetch(root: Path, commit: str, path: str, target: Path) -> None:
        target.mkdir(parents=True)

    seen: list[Path] = []
    monkeypatch.setattr(experiments, "fetch", fetch)
    monkeypatch.setattr(compare_measure, "_answer", lambda bundle, _asked: seen.append(bundle))
    monkeypatch.setattr(compare_measure, "_costs", lambda bundle: {"there": bundle.is_dir()})
    asked = compare_measure.Questions(SimpleNamespace(), (), tmp_path)
    _, costs = compare_measure._measure(tmp_path, "export-a", "1", asked)
    assert costs == {"there": True}
    assert [bundle.name for bundle in seen] == ["export-a"]
    assert list(tmp_path.iterdir()) == []


def test_no_earlier_picture_stays_beside_a_report_without_candidates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing could be ranked there is nothing to see."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/runs.db")
    (tmp_path / "s.yaml").write_text(yaml.safe_dump({"name": "s", "candidates": [{}]}), encoding="utf-8")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    (tmp_path / "old.png").write_bytes(b"old")
    failed = [{"experiment": "export-a", "changes": {}, "fault": "it failed"}]
    report = {"candidates": [], "failed": failed, "images": 4}
    monkeypatch.setattr(compare_run, "plan", lambda *_words: PLAN)
    monkeypatch.setattr(compare_run, "carry_out", lambda *_words: {})
    monkeypatch.setattr(compare_measure, "collect", lambda *_words: report)
    words = ["compare", "--search", "s.yaml", "--report", "report.json", "--plot", "old.png"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(VerdictError, match="1 of 2 candidates failed"):
        compare.main()
    assert (tmp_path / "report.json").exists()
    assert not (tmp_path / "old.png").exists()
