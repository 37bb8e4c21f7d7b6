"""Promotions and rollbacks with two real clones, a bare remote, a real registry and a real MLflow."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from tests.functional.test_evaluate_and_gate import data, make_bundle
from tests.image_registry import running
from tests.releases import Clone, clones

__all__ = ["data"]  # the fixture
pytestmark = pytest.mark.xdist_group("promote")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a registry for all tests; each has a repository of its own."""
    with running(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty data base: MLflow takes longer to make one than all else here takes."""
    place = tmp_path_factory.mktemp("database") / "runs.db"
    mlflow.MlflowClient(f"sqlite:///{place}").search_registered_models()
    return place


@pytest.fixture(scope="module")
def made(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three bundles: one that answers right, and two that mix up one more pair of classes each."""
    folder = tmp_path_factory.mktemp("bundles")
    for name, order in {"good": (0, 1, 2), "poor": (0, 2, 1), "bad": (1, 2, 0)}.items():
        make_bundle(folder / name, data, order)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def pair(data: Path, host: str, database: Path, tmp_path: Path) -> tuple[Clone, Clone]:
    """Two people's clones of one project."""
    shutil.copy(database, tmp_path / "runs.db")
    name = "".join(letter for letter in tmp_path.name.lower() if letter.isalnum())
    return clones(tmp_path, data, f"{host}/{name}", f"sqlite:///{tmp_path}/runs.db")


def done(run: subprocess.CompletedProcess[str], code: int = 0) -> str:
    """Hold the exit code; return what was printed there."""
    assert run.returncode == code, run.stdout + run.stderr
    return run.stderr if code else run.stdout


def test_from_a_push_to_production(pair: tuple[Clone, Clone], made: dict[str, Path]) -> None:
    """A candidate goes to staging and production."""
    ada, bea = pair
    digest = ada.finish_run(made["good"])
    for stage in ("candidate", "staging", "production"):
        print(done(ada.run("promote", "--to", stage)))
    print(done(bea.run("history")))
    assert done(bea.run("current", "--environment", "production")).strip().endswith(digest)
    print(done(bea.run("trace", "production")))
