"""The whole graph, run by DVC on a small phantom: reproducible, and no more than needed is run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SMALL = [
    "sources.phantom.images=160",
    "validation.min_images_per_class=10",
    "split.min_groups=1",
    "training.epochs=2",
    "evaluation.bootstrap_resamples=200",
    "gate.min_balanced_accuracy=0",
    "gate.min_macro_f1=0",
    "gate.min_auroc=0",
    "gate.min_class_recall=0",
    "gate.min_margin_over_baseline=-1",
    "gate.max_ece=1",
    "gate.min_strangers_abstained=0",
    "gate.max_false_rejection=1",
]

pytestmark = [pytest.mark.tensorflow, pytest.mark.xdist_group("pipeline")]


@dataclass(frozen=True)
class Ended:
    """A finished run of the pipeline."""

    code: int
    out: str
    err: str

    @property
    def stages(self) -> list[str]:
        """Names of the stages that ran, in order."""
        return re.findall(r"^Running stage '(\w+)'", self.out, re.MULTILINE)


def _run(project: Path, *changes: str) -> Ended:
    """Run the pipeline without an engine: everything up to the image, then exit code 4."""
    environment = {
        **os.environ,
        "SCANOPS_ENGINE": "none",
        "PYTHONPATH": str(project),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for name in ("MLFLOW_TRACKING_URI", "SCANOPS_MIRROR", "SCANOPS_CLUSTER"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "pipelines.repro", *changes]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def _copy_project(target: Path) -> Path:
    """Copy the tracked files as they are now, as a repository with one commit."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("reports/", "dvc.lock")):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "project"]):
        subprocess.run(["git", *words], cwd=target, check=True)
    return target


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Ended]]:
    """Two projects in two places, each with the pipeline run once on the same small phantom."""
    projects = [_copy_project(tmp_path_factory.mktemp(name)) for name in ("one", "another")]
    with ThreadPoolExecutor(2) as pool:
        return list(zip(projects, pool.map(lambda project: _run(project, *SMALL), projects), strict=True))


def test_everything_up_to_the_image_runs_without_an_engine(runs: list[tuple[Path, Ended]]) -> None:
    """With no engine all other stages run, and the image stage ends with exit code 4 and one line."""
    for project, ended in runs:
        assert ended.code == 4, ended.err[-3000:]
        assert ended.stages == ["pull", "validate", "split", "train", "export", "evaluate", "gate", "image"]
        assert [line for line in ended.err.splitlines() if line.startswith("error: ")]
        assert "Traceback" not in ended.err
        for report in ("pull", "validation", "splits", "export", "metrics", "gate"):
            assert json.loads((project / f"reports/{report}.json").read_text())
        assert not (project / "reports/image.json").exists()


def test_two_places_give_the_same_lock(runs: list[tuple[Path, Ended]]) -> None:
    """Every output of every stage before the image has the same hash, whatever the folder and the time."""
    locks = [yaml.safe_load((project / "dvc.lock").read_text())["stages"] for project, _ in runs]
    assert set(locks[0]) == {"pull", "validate", "split", "train", "export", "evaluate", "gate"}
    for stage, entry in locks[0].items():
        assert entry == locks[1][stage], stage


def test_what_was_planted_is_found(runs: list[tuple[Path, Ended]]) -> None:
    """Validation reports each kind that the phantom planted, and the leak of its supplied split."""
    project, _ = runs[0]
    planted = json.loads((project / "reports/pull.json").read_text())["planted"]
    report = json.loads((project / "reports/validation.json").read_text())
    rows = pd.read_parquet(project / "data/manifest.parquet").set_index("path")["defects"]
    assert planted
    for item in planted:
        # Of two files with one picture, the later path is the copy.
        seen = {*rows[item["path"]], *(rows[item["twin"]] if item["twin"] else ())}
        assert item["kind"] in seen, item
    assert report["supplied_split_leakage"]["leaked"] >= 1


def test_nothing_changed_runs_nothing(runs: list[tuple[Path, Ended]]) -> None:
    """A second run tries the image alone, which is still missing."""
    assert _run(runs[0][0]).stages == ["image"]


def test_a_threshold_runs_the_gate_alone(runs: list[tuple[Path, Ended]]) -> None:
    """Another threshold judges the same metrics: nothing is trained, and a refusal ends with exit code 3."""
    ended = _run(runs[0][0], "gate.min_auroc=1.0")
    assert ended.stages == ["gate"]
    assert ended.code == 3
    assert "auroc" in ended.out
    gate = json.loads((runs[0][0] / "reports/gate.json").read_text())
    assert gate["verdict"] == "fail"


@pytest.mark.parametrize(
    ("change", "named"), [("training.epoch=5", "training.epoch"), ("gate.min_auroc=7", "gate.min_auroc")]
)
def test_a_wrong_parameter_starts_nothing(runs: list[tuple[Path, Ended]], change: str, named: str) -> None:
    """An unknown key or a value out of range ends with exit code 2, and params.yaml stays as it was."""
    project, _ = runs[1]
    before = (project / "params.yaml").read_bytes()
    ended = _run(project, change)
    assert ended.code == 2
    assert named in ended.err
    assert not ended.stages
    assert (project / "params.yaml").read_bytes() == before
