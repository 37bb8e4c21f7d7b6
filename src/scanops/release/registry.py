"""Bundles in MLflow's model registry: versions that lead back to bundle, data and commit, and aliases."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.types import Schema, TensorSpec

import scanops
from scanops.atomic import replacing
from scanops.bundle import bundle as bundles
from scanops.config import Tracking
from scanops.errors import ConfigError, OutsideError, VerdictError
from scanops.release import card, tracking
from scanops.release.addresses import hide_password

SOURCE = Path(scanops.__file__).parent
# What a bundle needs to answer; the service's lock file has their exact versions.
REQUIREMENTS = ["numpy", "onnxruntime", "pillow", "pydantic"]
TAG = "bundle_sha256"


@dataclass(frozen=True)
class Version:
    """A version of the registered model.

    Attributes:
        number: Its number in the registry.
        bundle_sha256: The bundle that it holds.
        fresh: False for one that was there before.
    """

    number: str
    bundle_sha256: str
    fresh: bool = False


def register(rules: Tracking, bundle: Path, tags: dict[str, str]) -> Version:
    """Register a bundle as a version and make it the candidate; the same bundle is registered once.

    Args:
        rules: Where the registry is, and the model's name there.
        bundle: The bundle's folder, with its model card where it has one.
        tags: Names and values that lead back: commit, data, gate.

    Returns:
        The version.

    Raises:
        OutsideError: The registry cannot be reached, or refuses; no version without its bundle or alias, and
            no model without a version, stays in it.
    """
    sha256 = bundles.hash_bundle(bundle)
    with opened(rules) as client:
        known = client.search_model_versions(f"name = '{rules.model}' and tags.{TAG} = '{sha256}'")
        if known:
            version = max(known, key=lambda one: int(one.version))
            client.set_registered_model_alias(rules.model, "candidate", version.version)
        else:
            version = _make(client, rules.model, bundle, {**tags, TAG: sha256})
        return Version(str(version.version), sha256, fresh=not known)


def fetch(rules: Tracking, which: str, target: Path) -> Version | None:
    """Fetch a registered bundle.

    Args:
        rules: Where the registry is, and the model's name there.
        which: An alias, the name of a `Stage`, or a version's number.
        target: The bundle's folder, made whole or not at all.

    Returns:
        The version, or None where there is none.

    Raises:
        OutsideError: The registry cannot be reached.
        VerdictError: What it holds is not the bundle that was registered.
    """
    with opened(rules) as client:
        version = _find(client, rules.model, which)
    if version is None:
        return None
    with tempfile.TemporaryDirectory() as scratch, replacing(target) as draft:
        # Only what the registry does may be called its fault: the disk here is none of it.
        with opened(rules):
            mlflow.artifacts.download_artifacts(f"models:/{rules.model}/{version.version}", dst_path=scratch)
        shutil.copytree(_folder_of(version, Path(scratch)), draft)  # scratch may lie on another disk
        _require_as_registered(version, draft)
    return Version(str(version.version), str(version.tags[TAG]))


def _make(client: mlflow.MlflowClient, model: str, bundle: Path, tags: dict[str, str]) -> ModelVersion:
    """Store a bundle, and make a version of it that is the candidate; a failure leaves a run alone."""
    description, sha256 = bundles.read(bundle), tags[TAG]
    with mlflow.start_run(run_name=f"register {sha256[:12]}", tags=tags) as run:
        logged, run_id = _log(bundle, description), run.info.run_id
    fresh = _ensure_model(client, model)
    try:
        version = client.create_model_version(
            model,
            logged.model_uri,
            run_id,
            tags,
            description=card.described(bundle),
            model_id=logged.model_id,
        )
        client.set_registered_model_alias(model, "candidate", version.version)
    except BaseException:
        _undo(client, model, run_id, fresh)
        raise
    return version


def _ensure_model(client: mlflow.MlflowClient, model: str) -> bool:
    """Make the registered model where it is not there; say whether it was made."""
    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
        return False
    return True


def _undo(client: mlflow.MlflowClient, model: str, run_id: str, fresh: bool) -> None:
    """Take back what a failed registration made, also a version whose making was never answered."""
    try:
        for version in client.search_model_versions(f"name = '{model}' and run_id = '{run_id}'"):
            client.delete_model_version(model, version.version)
        if fresh and not client.search_model_versions(f"name = '{model}'"):
            client.delete_registered_model(model)
    except tracking.FAULTS as error:
        raise OutsideError(
            f"registered model {model}",
            f"is left half registered ({hide_password(str(error))})",
            "Run `make register` again when the registry answers: it completes what is there",
        ) from error


def _find(client: mlflow.MlflowClient, model: str, which: str) -> ModelVersion | None:
    find = client.get_model_version if which.isdecimal() else client.get_model_version_by_alias
    try:
        return find(model, which)
    except MlflowException as error:
        # An alias that is not there is an invalid parameter to MLflow, a model that is not a lack.
        if error.error_code in (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _folder_of(version: ModelVersion, stored: Path) -> Path:
    """Find the bundle among what the store holds for a version."""
    found = [place.parent for place in stored.rglob(bundles.DESCRIPTION)]
    if len(found) != 1:
        raise _damaged(version, f"holds {len(found)} files {bundles.DESCRIPTION}, not one")
    return found[0]


def _require_as_registered(version: ModelVersion, folder: Path) -> None:
    held, promised = bundles.hash_bundle(folder), version.tags.get(TAG)
    if held != promised:
        raise _damaged(version, f"holds the bundle {held[:12]}, not {str(promised)[:12]} as registered")
    try:
        bundles.read(folder)
    except ConfigError as error:
        # The folder is a draft that is gone when the message is read.
        raise _damaged(version, f"is not whole: its bundle {error.fault}") from error


def _damaged(version: ModelVersion, fault: str) -> VerdictError:
    remedy = "Find out who changed the store; delete this version and register its bundle again"
    return VerdictError(f"{version.name} version {version.version}", fault, remedy)


def _log(bundle: Path, description: bundles.Bundle) -> Any:
    from scanops.release import pyfunc_model  # noqa: PLC0415 -- MLflow warns of its hints when it is loaded

    shape = (-1, description.size_px, description.size_px, 3)
    answers = TensorSpec(np.dtype(np.float32), (-1, len(description.classes)))
    return mlflow.pyfunc.log_model(
        name="bundle",
        python_model=str(pyfunc_model.__file__),
        artifacts={pyfunc_model.BUNDLE: str(bundle)},
        code_paths=[str(SOURCE)],
        signature=ModelSignature(Schema([TensorSpec(np.dtype(np.uint8), shape)]), Schema([answers])),
        input_example=np.zeros((1, *shape[1:]), np.uint8),
        pip_requirements=REQUIREMENTS,
        metadata={"classes": list(description.classes), "notice": description.notice},
    )


@contextlib.contextmanager
def opened(rules: Tracking) -> Iterator[mlflow.MlflowClient]:
    """Speak to the registry; what it refuses inside of the block is an `OutsideError`."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or rules.uri
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for talker in ("alembic", "mlflow.pyfunc"):
        logging.getLogger(talker).setLevel(logging.WARNING)
    try:
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(rules.experiment)
        yield mlflow.MlflowClient()
    except tracking.FAULTS as error:
        raise OutsideError(
            f"model registry {hide_password(uri)}",
            f"cannot be used ({hide_password(str(error))})",
            "Start it (a data base needs its driver), or correct MLFLOW_TRACKING_URI",
        ) from error
