"""The stage `train`, run as the pipeline runs it: killed and resumed, and with a loss that is no number."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import yaml

from scanops.digest import hash_file
from tests.patience import PATIENCE_S
from tests.training_room import write_backbone, write_pictures

ROOT = Path(__file__).parents[2]
KNOBS = {
    "architecture": "file",
    "weights": "backbone.keras",
    "batch_size": 8,
    "warmup_epochs": 2,
    "epochs": 10,
    "fine_tune_learning_rate": 0.002,
    "dropout": 0.5,
}

pytestmark = [pytest.mark.tensorflow, pytest.mark.xdist_group("train")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with raw pictures, splits, parameters and a tiny backbone."""
    folder = tmp_path_factory.mktemp("project")
    labels = (("dark", "light")[number % 2] for number in range(72))
    write_pictures(folder, ((label, "train" if n < 48 else "val") for n, label in enumerate(labels)))
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["training"].update(KNOBS)
    values["imaging"]["size_px"] = 32
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    write_backbone(folder, normalised=True)
    return folder


def _start(project: Path, cache: Path, out: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "SCANOPS_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    paths = {"raw": "raw", "splits": "splits.parquet", "model": f"{out}/model.keras", "plots": f"{out}/plots"}
    words = [word for name, path in paths.items() for word in (f"--{name}", path)]
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.train", *words],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _checkpoints(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.glob("training/*/*"))


def test_a_killed_training_resumes_to_the_same_model(project: Path, tmp_path: Path) -> None:
    """Killed (-9) in fine-tuning and started again, it loses an epoch at most and gives the same bytes."""
    whole = _start(project, tmp_path / "other", "whole")
    _, err = whole.communicate(timeout=PATIENCE_S)
    assert whole.returncode == 0, err[-3000:]
    assert not _checkpoints(tmp_path / "other")

    killed = _start(project, tmp_path / "cache", "resumed")
    assert killed.stdout
    told = []
    for line in killed.stdout:
        told += re.findall(r"^(?:warmup|fit) \d+/\d+", line)
        if told[-1:] == ["fit 3/10"]:
            killed.send_signal(signal.SIGKILL)
            break
    told += re.findall(r"^fit \d+/\d+", killed.communicate(timeout=PATIENCE_S)[0], re.MULTILINE)
    assert killed.returncode == -signal.SIGKILL
    assert not (project / "resumed").exists()
    assert _checkpoints(tmp_path / "cache") == ["lock", "state.npz"]

    again = _start(project, tmp_path / "cache", "resumed")
    out, err = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0, err[-3000:]
    resumed = re.search(r"^resumed after epoch (\d+)$", out, re.MULTILINE)
    assert resumed
    # What was told of is never lost; an epoch may have been kept before it was told of.
    assert len(told) <= int(resumed[1]) <= len(told) + 1
    assert not _checkpoints(tmp_path / "cache")
    for name in ("model.keras", "plots/learning_curves.csv", "plots/learning_curves.png"):
        assert hash_file(project / "whole" / name) == hash_file(project / "resumed" / name), name


def test_nan_loss_leaves_no_half_model(project: Path, tmp_path: Path) -> None:
    """A loss that is not a number ends with exit code 3 and one line; model and plots are not there."""
    shutil.copytree(project / "raw", tmp_path / "raw")
    for name in ("splits.parquet", "params.yaml"):
        shutil.copy(project / name, tmp_path)
    image = keras.Input((None, None, 3))
    broken = keras.layers.Conv2D(8, 3, kernel_initializer=keras.initializers.Constant(float("nan")))
    keras.Model(image, broken(image)).save(tmp_path / "backbone.keras")
    ended = _start(tmp_path, tmp_path / "cache", "out")
    _, err = ended.communicate(timeout=PATIENCE_S)
    assert ended.returncode == 3, err[-3000:]
    assert "not a number in epoch 1" in err
    assert "learning_rate" in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()
