"""An experiment on a node comes back as one of the project, or with the reason why it failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scanops.release import experiment_task, experiments
from tests import toy_project


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a small project under git and DVC, with a change that is not committed."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    root = toy_project.make(tmp_path / "toy")
    monkeypatch.chdir(root)
    return root


def git(root: Path, *words: str) -> str:
    """Ask git."""
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout


def test_a_result_is_the_projects_and_a_failure_tells_why(toy: Path, tmp_path: Path) -> None:
    """What is not committed is part of it and stays as it is; shared stages come out of the cache."""
    text = (toy / "dvc.yaml").read_text(encoding="utf-8")
    (toy / "dvc.yaml").write_text(text.replace("data/bundle/model", "data/bundle/net"), encoding="utf-8")
    before = git(toy, "status", "--porcelain")
    order = experiment_task.order(toy, experiments.cache(toy), "export", {})
    assert experiment_task.carry_out(order, ("export-a", ["training.rate=3"])) is None
    known = experiments.results(toy)
    assert set(known) == {"export-a"}
    assert git(toy, "rev-parse", f"{known['export-a']}^") == git(toy, "rev-parse", "HEAD")
    experiments.fetch(toy, known["export-a"], "data/bundle", tmp_path / "bundle")
    assert (tmp_path / "bundle/net").read_text(encoding="utf-8") == "3\n"
    assert experiment_task.carry_out(order, ("export-b", ["training.rate=13"])) == "rate: is unlucky"
    assert set(experiments.results(toy)) == {"export-a"}
    # `split` once, `export` twice.
    assert (tmp_path / "log").read_text(encoding="utf-8").count("ran") == 3
    assert git(toy, "status", "--porcelain") == before


def test_a_project_that_cannot_be_cloned_is_told(tmp_path: Path) -> None:
    """The message is git's own."""
    order = experiment_task.Order(str(tmp_path / "none"), "c", "h", "h", "export", {})
    assert "does not exist" in str(experiment_task.carry_out(order, ("export-a", [])))


def test_only_what_stages_need_is_handed_on(toy: Path) -> None:
    """The cluster's own address is not among it: a stage would wait for cores that its experiment holds."""
    environ = {"MLFLOW_TRACKING_URI": "u", "SCANOPS_CLUSTER": "c", "SCANOPS_CACHE": "", "HOME": "h"}
    order = experiment_task.order(toy, toy / "c", "export", environ)
    assert order.environ == {"MLFLOW_TRACKING_URI": "u"}
    assert order.work == order.head == git(toy, "rev-parse", "HEAD").strip()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("a\nerror: rate: is unlucky\nERROR: failed to reproduce\n", "rate: is unlucky"),
        ("a\n\nb\n", "b"),
        ("", "`dvc exp run` left no message"),
    ],
)
def test_a_message_is_the_stages_own_where_there_is_one(said: str, told: str) -> None:
    """Otherwise it is the last thing that was said."""
    assert experiment_task.message(said, "dvc exp run") == told
