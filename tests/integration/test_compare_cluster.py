"""Candidates of a comparison on a real Ray cluster come back as experiments of the project."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scanops.release import experiments
from tests import ray_cluster, toy_project
from tests.conftest import require_part

pytestmark = pytest.mark.xdist_group("ray")

PROGRAM = """
import json, sys
from pathlib import Path
import yaml
from pipelines import compare_run
from scanops import search_space
from scanops.errors import OutsideError

project, cores = Path(sys.argv[1]), int(sys.argv[2])
params = search_space.configure(yaml.safe_load((project / "params.yaml").read_text()), {})
rates = {"export-a": 3, "export-b": 13, "export-c": 4}
candidates = {name: {"training.learning_rate": rate} for name, rate in rates.items()}
settings = {"split-d": {}, **{name: {"training.rate": rate} for name, rate in rates.items()}}
plan = compare_run.Plan(params, "split-d", candidates, settings)
search = search_space.parse({"name": "s", "cores": cores, "candidates": [{}]}, "s.yaml")
try:
    found = compare_run.carry_out(plan, search, Path.cwd(), lambda: plan)
except OutsideError as error:
    found = str(error)
print(json.dumps(found))
"""


def carry_out(toy: Path, address: str, cores: int = 1) -> list[str]:
    """Carry out a comparison as the command does; the lines that it said."""
    environment = {**ray_cluster.environment(), "SCANOPS_CLUSTER": address}
    words = [sys.executable, "-c", PROGRAM, str(ray_cluster.ROOT), str(cores)]
    done = subprocess.run(
        words, cwd=toy, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=600
    )
    return done.stdout.splitlines()


def test_candidates_are_carried_out_on_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends are told as they come, failures with their reason; a second call leaves results alone."""
    require_part(importlib.util.find_spec("ray"), "Ray is not installed")
    log = tmp_path / "log"
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(log))  # nodes hand their own environment to stages
    toy = toy_project.make(tmp_path / "toy")
    with ray_cluster.running() as ports:
        lines = carry_out(toy, ports.node)
        assert json.loads(lines[-1]) == {"export-b": "rate: is unlucky"}
        told = [line.partition(":")[0] for line in lines if line.startswith(("success", "failed"))]
        assert told == ["success", "failed", "success"]
        known = experiments.results(toy)
        assert set(known) == {"split-d", "export-a", "export-c"}
        experiments.fetch(toy, known["export-c"], "data/bundle", tmp_path / "bundle")
        assert (tmp_path / "bundle/model").read_text(encoding="utf-8") == "4\n"
        lines = carry_out(toy, ports.node, cores=64)
        assert "no node with 64 cores (2 at most)" in json.loads(lines[-1])
    # `split` once, each candidate once.
    assert log.read_text(encoding="utf-8").count("ran") == 4
    assert experiments.results(toy) == known
