"""A comparison in MLflow: one run for the whole, the candidates' training runs below it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import mlflow
from mlflow.entities import RunInfo

from scanops.config import Tracking
from scanops.release import tracking

PARENT = "mlflow.parentRunId"  # what MLflow's own page nests by
SQLITE = "sqlite:///"


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


def adopt(rules: Tracking, model_sha256: str, comparison: str, values: Mapping[str, float]) -> float | None:
    """Put the run that trained a model below the open run, and note its figures there.

    Args:
        rules: Name of MLflow's experiment.
        model_sha256: Tag of the run.
        comparison: Name of the comparison, kept as a tag.
        values: Figures by name.

    Returns:
        How long the run took, in seconds; None where no finished run of this model is known.
    """
    try:
        info = _newest(rules, model_sha256)
        parent = mlflow.active_run()
        if info is None or parent is None:
            return None
        client = mlflow.MlflowClient()
        client.set_tag(info.run_id, PARENT, parent.info.run_id)
        client.set_tag(info.run_id, "comparison", comparison)
        for name, value in values.items():
            client.log_metric(info.run_id, name, value)
    except tracking.FAULTS as error:
        fault = tracking.hide_password(str(error))
        print(f"warning: tracking server: a training run was not found there ({fault})", file=sys.stderr)
        return None
    return float(info.end_time - info.start_time) / 1000.0


def keep(*files: Path) -> None:
    """Keep files beside the open run.

    Args:
        *files: Each is kept under its own name.
    """
    try:
        for file in files:
            mlflow.log_artifact(str(file))
    except tracking.FAULTS as error:
        fault = tracking.hide_password(str(error))
        print(f"warning: tracking server: does not keep the report ({fault})", file=sys.stderr)


def _newest(rules: Tracking, model_sha256: str) -> RunInfo | None:
    place = mlflow.get_experiment_by_name(rules.experiment)
    if place is None:
        return None
    found = mlflow.MlflowClient().search_runs(
        [place.experiment_id],
        f"tags.model_sha256 = '{model_sha256}' and attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return found[0].info if found else None
