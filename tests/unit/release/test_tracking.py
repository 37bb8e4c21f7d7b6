"""Runs are recorded with what leads back to code and data; a silent server is told."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import mlflow
import mlflow.store.db.utils
import pytest
from mlflow.exceptions import MlflowException

from scanops.config import Split, Tracking
from scanops.errors import OutsideError
from scanops.model_rules import Training
from scanops.release import tracking

SECTIONS = {"training": Training(architecture="cnn_small", epochs=3)}


def test_a_run_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters, curves, files and tags of a run can be read back from a real data base."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "a.csv").write_text("x\n1\n")
    with tracking.run(Tracking(uri="sqlite:///runs.db", experiment="e"), "n", SECTIONS, {"data": "d"}) as run:
        run.log_epoch(1, {"loss": 2.0})
        run.log_epoch(2, {"loss": 1.0})
        run.log_files(tmp_path / "plots")
        run.tag(model_sha256="m")
    (found,) = mlflow.search_runs(experiment_names=["e"], output_format="list")
    assert found.data.params["training.epochs"] == "3"
    assert found.data.tags["data"] == "d"
    assert found.data.tags["model_sha256"] == "m"
    assert found.data.tags["git_sha"]
    assert found.info.status == "FINISHED"
    history = mlflow.MlflowClient().get_metric_history(found.info.run_id, "loss")
    assert [point.value for point in history] == [2.0, 1.0]


def test_a_failed_run_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that raises is not shown as finished."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def fail() -> None:
        with tracking.run(Tracking(uri="sqlite:///runs.db", experiment="f"), "n", SECTIONS, {}):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    (found,) = mlflow.search_runs(experiment_names=["f"], output_format="list")
    assert found.info.status == "FAILED"


def test_a_run_whose_parameters_are_refused_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that fails between the run's start and its parameters leaves it failed, not open."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def refuse(params: object) -> None:
        raise MlflowException("refused")

    monkeypatch.setattr(mlflow, "log_params", refuse)
    with (
        pytest.raises(OutsideError, match="refused"),
        tracking.run(Tracking(uri="sqlite:///runs.db", experiment="p"), "n", SECTIONS, {}),
    ):
        pass
    assert mlflow.active_run() is None
    (found,) = mlflow.search_runs(experiment_names=["p"], output_format="list")
    assert found.info.status == "FAILED"


def test_a_silent_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that cannot be reached ends with exit code 4, before anything is trained."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with (
        pytest.raises(OutsideError, match=r"127\.0\.0\.1:9") as caught,
        tracking.run(Tracking(), "n", SECTIONS, {}),
    ):
        pass
    assert caught.value.exit_code == 4


def test_a_server_that_fails_later_costs_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the data base breaks in the middle, the work goes on, and that is said once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with tracking.run(Tracking(uri="sqlite:///late.db", experiment="l"), "n", SECTIONS, {}) as run:
        with sqlite3.connect(tmp_path / "late.db") as database:
            for table in ("metrics", "latest_metrics"):
                database.execute(f"DROP TABLE {table}")
        run.log_epoch(1, {"loss": 1.0})
        run.log_epoch(2, {"loss": 1.0})
    assert capsys.readouterr().err.count("does not record any more") == 1


def test_no_password_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message names the server without the password in its address; a missing driver is told."""
    monkeypatch.setattr(mlflow.store.db.utils, "MAX_RETRY_COUNT", 1)  # ten take a minute and a half
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://user:secret@127.0.0.1:9/db")
    with pytest.raises(OutsideError) as caught, tracking.run(Tracking(), "n", SECTIONS, {}):
        pass
    assert "secret" not in str(caught.value)


def test_sections_are_flattened() -> None:
    """Nested parameters are recorded as JSON values under section and key."""
    split = Split.model_validate({"fractions": "0.6/0.2/0.2", "key": "k"})
    assert tracking._flatten({"split": split})["split.key"] == "k"
