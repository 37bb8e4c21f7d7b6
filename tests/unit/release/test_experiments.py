"""Experiments are named by what decides their outcome, end before the test split is opened, and run once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines import compare_run
from scanops import search_space
from scanops.errors import ConfigError
from scanops.release import experiment_queue, experiment_workers, experiments
from tests import toy_project
from tests.contract.imports import ROOT
from tests.patience import until

GRAPH: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def named(target: str, **changes: Any) -> str:
    """Name an experiment of this project with changed parameters."""
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    return experiments.name(GRAPH, target, search_space.configure(PARAMS, dotted), ROOT)


def test_a_comparison_ends_before_the_test_split_is_opened() -> None:
    """Neither `evaluate` nor what follows it is run by the targets of a comparison."""
    assert experiments.closure(GRAPH, compare_run.TARGET) == ["pull", "validate", "split", "train", "export"]
    assert experiments.closure(GRAPH, compare_run.SHARED) == ["pull", "validate", "split"]


def test_names_follow_what_decides_the_outcome() -> None:
    """Training parameters name a candidate anew, not the data; the gate's thresholds name neither."""
    assert named("export", training__dropout=0.1) != named("export", training__dropout=0.2)
    assert named("split", training__dropout=0.1) == named("split", training__dropout=0.2)
    assert named("export", gate__min_auroc=0.1) == named("export", gate__min_auroc=0.2)
    assert named("split", sources__phantom__images=60) != named("split")


def test_code_names_an_experiment(tmp_path: Path) -> None:
    """A changed source file names it anew, and a missing one is told."""
    graph = {"stages": {"export": {"cmd": "c", "deps": ["a.py"], "params": ["training"]}}}
    params = search_space.configure(PARAMS, {})
    with pytest.raises(ConfigError, match=r"a\.py"):
        experiments.name(graph, "export", params, tmp_path)
    (tmp_path / "a.py").write_text("one", encoding="utf-8")
    before = experiments.name(graph, "export", params, tmp_path)
    (tmp_path / "a.py").write_text("two", encoding="utf-8")
    assert experiments.name(graph, "export", params, tmp_path) != before


def test_libraries_name_a_candidate() -> None:
    """Both stages that hand numbers to TensorFlow depend on the lock file, in DVC's eyes as in a name."""
    for stage in ("train", "export"):
        assert "requirements/dev.txt" in GRAPH["stages"][stage]["deps"]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a small project under git and DVC, whose stages note that they ran."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setattr(experiment_queue, "POLL_S", 0.5)
    root = toy_project.make(tmp_path / "toy")
    monkeypatch.chdir(root)
    return root


def run(root: Path, rates: dict[str, int]) -> dict[str, str]:
    """Queue, work and wait, as a comparison does; the states in which experiments ended."""
    ended: dict[str, str] = {}
    experiment_queue.queue(root, "export", {name: [f"training.rate={rate}"] for name, rate in rates.items()})
    experiment_queue.wait(root, rates, 2, ended.__setitem__)
    return ended


def test_candidates_run_once_and_failures_again(toy: Path, tmp_path: Path) -> None:
    """Results come out of the cache, what has one is left alone, what failed is told and tried again."""
    rates = {"export-a": 3, "export-b": 13}
    assert run(toy, rates) == {"export-a": "Success", "export-b": "Failed"}
    assert experiment_queue.fault(toy, "export-b") == "rate: is unlucky"
    known = experiments.results(toy)
    assert set(known) == {"export-a"}
    experiments.fetch(toy, known["export-a"], "data/bundle", tmp_path / "bundle")
    assert (tmp_path / "bundle/model").read_text(encoding="utf-8") == "3\n"
    times = (tmp_path / "log").read_text(encoding="utf-8").count("ran")
    assert run(toy, rates) == {"export-b": "Failed"}
    assert (tmp_path / "log").read_text(encoding="utf-8").count("ran") == times + 1
    assert not (tmp_path / "log.evaluated").exists()
    assert (toy / "params.yaml").read_text(encoding="utf-8") == "{split: {key: a}, training: {rate: 1}}\n"
    # Of the raw images those that are asked for alone come out: the others cannot be opened.
    experiments.fetch_images(toy, known["export-a"], "data/raw", ["val.txt"], tmp_path / "raw")
    assert [file.name for file in (tmp_path / "raw").iterdir()] == ["val.txt"]
    # One that ends between a look at the queue and being given up is no fault.
    experiment_queue.give_up(toy, ["export-a"])
    assert experiment_queue.states(toy)["export-a"] == "Success"


def test_an_interrupt_ends_only_its_own_experiments(toy: Path, tmp_path: Path) -> None:
    """Those of others run on; the stopped one is tried again by the next call, what waited waits."""
    experiment_queue.queue(toy, "export", {"export-a": ["training.rate=99"]})
    experiment_workers.start(toy, 1)
    until((tmp_path / "log.asleep").exists)
    assert experiment_workers.count(toy) == 1
    experiment_queue.queue(toy, "export", {"export-b": ["training.rate=5"]})
    experiment_queue.stop(toy, ["export-b", "export-of-somebody-else"])
    time.sleep(2)
    assert experiment_queue.states(toy) == {"export-a": "Running", "export-b": "Queued"}
    experiment_queue.stop(toy, ["export-a", "export-b"])
    # The worker goes with its experiment; on its way out it may have taken up the next one: let it fall, or
    # ended it.
    until(lambda: not experiment_workers.count(toy))
    assert experiment_queue.states(toy)["export-b"] in ("Queued", "Running", "Success")
    assert "export-a" not in experiments.results(toy)
    (tmp_path / "log.awake").touch()
    ended = dict.fromkeys(experiments.results(toy), "Success")  # nobody is told of what has ended before
    ended |= run(toy, {"export-a": 99, "export-b": 5})
    assert ended == {"export-a": "Success", "export-b": "Success"}


def test_a_removed_result_is_made_again(toy: Path) -> None:
    """DVC's queue still says Success of it; neither that nor a failure hides the new attempt."""
    assert run(toy, {"export-a": 3, "export-b": 13}) == {"export-a": "Success", "export-b": "Failed"}
    subprocess.run(["dvc", "exp", "remove", "-q", "export-a"], cwd=toy, check=True)
    assert run(toy, {"export-a": 3}) == {"export-a": "Success"}
    assert set(experiments.results(toy)) == {"export-a"}


def test_a_change_while_the_data_are_made_is_not_filed_under_the_old_name(toy: Path) -> None:
    """Queued experiments are withdrawn: they would hold the new code under the name of the old."""
    params = search_space.configure(PARAMS, {})
    settings: dict[str, search_space.Changes] = {"split-d": {}, "export-a": {"training.rate": 3}}
    before = compare_run.Plan(params, "split-d", {"export-a": {}}, settings)
    after = compare_run.Plan(params, "split-d", {"export-z": {}}, settings)
    search = search_space.parse({"name": "s", "candidates": [{}]}, "s.yaml")
    for plans in ([after], [before, after]):
        with pytest.raises(ConfigError, match="was changed"):
            compare_run.carry_out(before, search, toy, iter(plans).__next__)
        assert experiment_queue.states(toy) == {}
        assert set(experiments.results(toy)) == {"split-d"}


def test_code_that_git_does_not_know_is_refused(toy: Path) -> None:
    """An experiment would miss it: it runs in a copy of what git tracks."""
    (toy / "new.py").write_text("", encoding="utf-8")
    graph = {"stages": {"export": {"cmd": "c", "deps": ["new.py"]}}}
    with pytest.raises(ConfigError, match=r"new\.py: is not known to git"):
        experiments.require_tracked(graph, toy)
