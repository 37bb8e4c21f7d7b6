"""Each candidate is a run below that of the comparison; runs of trainings are found and left alone."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import mlflow
import pytest

from scanops.config import Tracking
from scanops.release import comparison_runs, pointers, tracking

RULES = Tracking(uri="sqlite:///runs.db", experiment="c")
ENTRY: dict[str, Any] = {
    "experiment": "export-a",
    "changes": {"training.dropout": 0.1, "training.architecture": "cnn_small"},
    "balanced_accuracy": {"value": 0.9, "ci95": [0.8, 1.0]},
    "macro_f1": {"value": None, "ci95": [None, None]},
    "latency_ms": 2.5,
    "bundle_sha256": "b",
    "model_sha256": "m",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a tracking data base of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def found(tag: str, value: str) -> Any:
    """Find the one run with a tag."""
    (one,) = mlflow.search_runs(
        experiment_names=["c"], filter_string=f"tags.{tag} = '{value}'", output_format="list"
    )
    return one


def test_a_training_that_serves_two_comparisons_stays_as_it_is(place: None) -> None:
    """Figures, hashes and the way to the training are in a run of the candidate, one for each comparison."""
    with tracking.run(RULES, "training", {}, {"kind": "training"}) as run:
        run.tag(model_sha256="m")
    before = found("kind", "training")
    for comparison in ("one", "two"):
        with tracking.run(RULES, "compare", {}, {"kind": comparison}):
            trained = comparison_runs.training(RULES, "m")
            assert trained is not None
            comparison_runs.note(ENTRY, comparison, trained.run_id)
        noted = found("comparison", comparison)
        assert noted.data.tags["mlflow.parentRunId"] == found("kind", comparison).info.run_id
        assert noted.data.tags["training_run_id"] == before.info.run_id
        assert noted.data.tags["bundle_sha256"] == "b"
        assert noted.data.metrics == {"balanced_accuracy": 0.9, "latency_ms": 2.5}
        assert noted.data.params["training.dropout"] == "0.1"
        assert noted.info.status == "FINISHED"
    assert found("kind", "training").to_dictionary() == before.to_dictionary()


def test_a_failed_candidate_is_a_failed_run(place: None) -> None:
    """Its reason is a tag, and the comparison's own run goes on."""
    entry = {"experiment": "export-b", "changes": {}, "fault": "rate: is unlucky"}
    with tracking.run(RULES, "compare", {}, {"kind": "three"}):
        comparison_runs.note(entry, "three")
        assert mlflow.active_run() is not None
    noted = found("comparison", "three")
    assert noted.info.status == "FAILED"
    assert noted.data.tags["fault"] == "rate: is unlucky"


def test_a_resumed_training_has_no_duration(place: None) -> None:
    """Its run holds the last leg alone; one that is unknown is none at all."""
    with tracking.run(RULES, "training", {}, {}) as run:
        run.tag(model_sha256="r", resumed="True")
    with tracking.run(RULES, "training", {}, {}) as run:
        run.tag(model_sha256="w", resumed="False")
    with tracking.run(RULES, "compare", {}, {}):
        resumed, whole = (comparison_runs.training(RULES, model) for model in "rw")
        assert comparison_runs.training(RULES, "of nobody") is None
    assert resumed is not None
    assert resumed.seconds is None
    assert whole is not None
    assert whole.seconds is not None


def test_a_training_that_failed_is_nobody_s(place: None) -> None:
    """The lineage of a bundle and a comparison name the same run: the newest that ended well."""
    with tracking.run(RULES, "training", {}, {}) as run:
        run.tag(model_sha256="f")
        ended_well = mlflow.active_run().info.run_id
    with contextlib.suppress(ZeroDivisionError), tracking.run(RULES, "training", {}, {}) as run:
        run.tag(model_sha256="f")
        raise ZeroDivisionError
    trained = comparison_runs.training(RULES, "f")
    assert trained is not None
    assert pointers.training_run(RULES, "f") == trained.run_id == ended_well


def test_a_server_that_fails_costs_the_records_alone(
    place: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told, and the comparison goes on."""

    def refuse(*words: object, **more: object) -> None:
        raise OSError("gone")

    with tracking.run(RULES, "compare", {}, {}):
        monkeypatch.setattr(mlflow, "log_metrics", refuse)
        monkeypatch.setattr(mlflow, "get_experiment_by_name", refuse)
        comparison_runs.note(ENTRY, "four")
        assert comparison_runs.training(RULES, "m") is None
    assert capsys.readouterr().err.count("warning: tracking server") == 2


def test_a_relative_data_base_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Experiments run elsewhere, and are to record where the project does."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    comparison_runs.make_absolute(RULES, tmp_path)
    assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{tmp_path}/runs.db"
