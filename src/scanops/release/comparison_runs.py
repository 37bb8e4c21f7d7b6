"""A comparison in MLflow: one run for the whole, and one below it for each candidate."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow

from scanops.config import Tracking
from scanops.release import tracking
from scanops.release.addresses import hide_password

SQLITE = "sqlite:///"
# Not model_sha256: by that a training is found.
TAGS = ("bundle_sha256", "fault")
FIGURES = ("balanced_accuracy", "macro_f1", "behind_best", "parameters", "bundle_bytes", "latency_ms")
RESUMED = "resumed"  # a tag of `train`, "True" where its run began with the epochs of an earlier one


@dataclass(frozen=True)
class Trained:
    """The run that trained a model.

    Attributes:
        run_id: MLflow's name for it.
        seconds: How long it took; None when it went on from an earlier one, whose time it does not know.
    """

    run_id: str
    seconds: float | None


def make_absolute(rules: Tracking, root: Path) -> None:
    """Have experiments record where the project does: they run in folders of their own.

    Args:
        rules: Where that is, unless `MLFLOW_TRACKING_URI` says otherwise.
        root: The project's folder.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or rules.uri
    if uri.startswith(SQLITE) and not uri.startswith(f"{SQLITE}/"):
        uri = f"{SQLITE}{root / uri.removeprefix(SQLITE)}"
    os.environ["MLFLOW_TRACKING_URI"] = uri


def training(rules: Tracking, model_sha256: str) -> Trained | None:
    """Find the run that trained a model.

    Args:
        rules: Name of MLflow's experiment.
        model_sha256: Tag of the run.

    Returns:
        The newest; None where no finished run of this model is known.
    """
    try:
        place = mlflow.get_experiment_by_name(rules.experiment)
        if place is None:
            return None
        found = tracking.find_training([place.experiment_id], model_sha256)
    except tracking.FAULTS as error:
        _warn("a training run was not found there", error)
        return None
    if found is None:
        return None
    info, tags = found.info, found.data.tags
    whole = tags.get(RESUMED) != "True"
    return Trained(info.run_id, (info.end_time - info.start_time) / 1000.0 if whole else None)


def note(entry: Mapping[str, Any], comparison: str, training_run: str | None = None) -> None:
    """Record a candidate as a run below the open one: what it changes, its figures, and who it is.

    A training may serve several candidates and comparisons: its own run stays as it is, named by a tag.

    Args:
        entry: Of `candidates` or of `failed` in `reports/compare.json`.
        comparison: Name of the comparison, kept as a tag.
        training_run: Id of the run that trained its model, or None.
    """
    tags = {"comparison": comparison, "experiment": entry["experiment"]}
    tags |= {key: str(entry[key]) for key in TAGS if key in entry}
    if training_run is not None:
        tags["training_run_id"] = training_run
    figures = {
        key: value["value"] if isinstance(value, Mapping) else value
        for key, value in entry.items()
        if key in FIGURES
    }
    try:
        mlflow.start_run(run_name=entry["experiment"], tags=tags, nested=True)
        status = "FAILED"
        try:
            mlflow.log_params(dict(entry["changes"]))
            mlflow.log_metrics({key: value for key, value in figures.items() if value is not None})
            status = "FAILED" if "fault" in entry else "FINISHED"
        finally:
            mlflow.end_run(status)
    except tracking.FAULTS as error:
        _warn("does not record a candidate", error)


def keep(*files: Path) -> None:
    """Keep files beside the open run.

    Args:
        *files: Each is kept under its own name.
    """
    try:
        for file in files:
            mlflow.log_artifact(str(file))
    except tracking.FAULTS as error:
        _warn("does not keep the report", error)


def _warn(what: str, error: BaseException) -> None:
    print(f"warning: tracking server: {what} ({hide_password(str(error))})", file=sys.stderr)
