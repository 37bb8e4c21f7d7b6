"""Runs in MLflow: parameters, curves, and the hashes that lead back to code and data."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import mlflow
import mlflow.entities
from mlflow.exceptions import MlflowException
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from scanops.config import Tracking
from scanops.errors import OutsideError
from scanops.release import commit
from scanops.release.addresses import hide_password

# What MLflow and the drivers below it raise when a server or a data base is not to be had.
FAULTS = (MlflowException, OSError, ImportError, SQLAlchemyError)

MODEL_TAG = "model_sha256"  # on a training's run


class Run:
    """An open run. A server that fails from here on costs its records, not the training."""

    def __init__(self) -> None:
        self._told = False

    def log_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Add a point to the curves.

        Args:
            epoch: Counted from 1.
            values: Name and value of each curve.
        """
        self._record(lambda: mlflow.log_metrics(values, step=epoch))

    def log_files(self, folder: Path) -> None:
        """Keep files beside the run.

        Args:
            folder: Kept with all that is in it.
        """
        self._record(lambda: mlflow.log_artifacts(str(folder)))

    def tag(self, **tags: str) -> None:
        """Name what the run made.

        Args:
            **tags: Names and values.
        """
        self._record(lambda: mlflow.set_tags(tags))

    def end(self, status: str) -> None:
        """Close the run.

        Args:
            status: `FINISHED` or `FAILED`.
        """
        self._record(lambda: mlflow.end_run(status))

    def _record(self, call: Callable[[], object]) -> None:
        try:
            call()
        except FAULTS as error:
            if not self._told:
                fault = hide_password(str(error))
                print(f"warning: tracking server: does not record any more ({fault})", file=sys.stderr)
            self._told = True


@contextlib.contextmanager
def run(rules: Tracking, name: str, sections: Mapping[str, BaseModel], tags: dict[str, str]) -> Iterator[Run]:
    """Record a run; one that raises is marked as failed.

    Args:
        rules: Where to; `MLFLOW_TRACKING_URI` comes first.
        name: Name of the run.
        sections: Parameters, by section.
        tags: Names and values, for example hashes.

    Yields:
        The open run.

    Raises:
        OutsideError: The tracking server or data base cannot be reached.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or rules.uri
    # By default MLflow asks a silent server for some minutes before it says so.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    # Alembic tells of each of its forty migrations when it makes a data base.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(rules.experiment)
        mlflow.start_run(run_name=name, tags={**tags, "git_sha": commit.name(Path.cwd())})
        with _closed_on_failure():
            mlflow.log_params(_flatten(sections))
    except FAULTS as error:
        # An open run would be marked as finished when this process ends.
        if mlflow.active_run() is not None:
            Run().end("FAILED")
        raise OutsideError(
            f"tracking server {hide_password(uri)}",
            f"cannot be used ({hide_password(str(error))})",
            "Start it (a data base needs its driver), or unset MLFLOW_TRACKING_URI to track locally",
        ) from error
    opened, status = Run(), "FAILED"
    try:
        yield opened
        status = "FINISHED"
    finally:
        opened.end(status)


def find_training(experiments: Sequence[str], model_sha256: str) -> mlflow.entities.Run | None:
    """Find the run that trained a model, on the server that is set.

    Args:
        experiments: MLflow's ids of those that are searched.
        model_sha256: The hash of the Keras model, a tag of the run.

    Returns:
        The newest that ended well; None where there is none.
    """
    rule = f"tags.{MODEL_TAG} = '{model_sha256}' and attributes.status = 'FINISHED'"
    newest = ["attributes.start_time DESC"]
    found = mlflow.MlflowClient().search_runs(list(experiments), rule, order_by=newest, max_results=1)
    return found[0] if found else None


@contextlib.contextmanager
def _closed_on_failure() -> Iterator[None]:
    """Mark the open run as failed when the block fails: what is open at its end MLflow calls finished."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(*FAULTS):  # the first fault is told; a dead server takes no mark either
            mlflow.end_run("FAILED")
        raise


def _flatten(sections: Mapping[str, BaseModel]) -> dict[str, object]:
    return {
        f"{name}.{key}": value
        for name, section in sections.items()
        for key, value in section.model_dump(mode="json").items()
    }
