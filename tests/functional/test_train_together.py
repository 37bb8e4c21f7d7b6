"""The stage `train` with two workers, in processes of their own on this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import yaml

from scanops.training import team
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.training_room import write_backbone, write_pictures

ROOT = Path(__file__).parents[2]
KNOBS = {
    "architecture": "file",
    "weights": "backbone.keras",
    "batch_size": 8,  # 4 steps an epoch, the last one of a single image
    "warmup_epochs": 1,
    "epochs": 4,
    "fine_tune_learning_rate": 0.002,
    "dropout": 0.5,
    "label_smoothing": 0.1,
}

pytestmark = [pytest.mark.tensorflow, pytest.mark.xdist_group("train")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures of two classes of unequal size, and a backbone without batch normalisation."""
    folder = tmp_path_factory.mktemp("project")
    labels = (("dark", "light", "dark")[number % 3] for number in range(36))
    write_pictures(folder, ((label, "train" if n < 25 else "val") for n, label in enumerate(labels)))
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["training"].update(KNOBS)
    values["augmentation"]["noise_std"] = 4.0
    values["imaging"]["size_px"] = 32
    for workers in (1, 2):
        values["training"]["workers"] = workers
        (folder / f"{workers}.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    values["training"] |= {"epochs": 2000, "early_stopping_patience": 2000}
    (folder / "long.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    write_backbone(folder, normalised=False)
    return folder


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(project: Path) -> Iterator[Start]:
    """Starts the stage; whatever becomes of a test, nothing goes on after it."""
    running = []

    def begin(
        workers: int | str, out: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        environ = {**os.environ, "SCANOPS_CACHE": str(project / "cache"), "PYTHONPATH": str(ROOT)}
        for name in ("MLFLOW_TRACKING_URI", team.VARIABLE, team.HOSTS_VARIABLE, team.PORT_VARIABLE):
            environ.pop(name, None)
        paths = {"params": f"{workers}.yaml", "raw": "raw", "splits": "splits.parquet"}
        paths |= {"model": f"{out}/model.keras", "plots": f"{out}/plots"}
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "pipelines.train",
                *(w for n, path in paths.items() for w in (f"--{n}", path)),
            ],
            cwd=project,
            env={**environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def _children(process: subprocess.Popen[str]) -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in path.read_text(encoding="utf-8").split()]


def _read_to(process: subprocess.Popen[str], start: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if line.startswith(start):
            return
    pytest.fail(f"it ended before `{start}`: {process.communicate()[1][-3000:]}")


def test_two_workers_train_as_one_through_a_death(project: Path, start: Start) -> None:
    """Of two workers one is killed: exit code 4, who and where to go on; then it ends with one's losses."""
    alone = start(1, "alone")
    _, err = alone.communicate(timeout=PATIENCE_S)
    assert alone.returncode == 0, err[-3000:]

    killed = start(2, "together")
    _read_to(killed, "fit 2/4")
    os.kill(max(_children(killed)), signal.SIGKILL)  # the last that was started
    out, err = killed.communicate(timeout=PATIENCE_S)
    assert killed.returncode == 4, err[-3000:]
    assert "Traceback" not in err
    told = re.search(
        r"^error: worker 1 \(127\.0\.0\.1:\d+\): was killed by signal 9, and the training has stopped\. "
        r"Run it again with as many workers: it goes on after epoch (\d)$",
        err,
        re.MULTILINE,
    )
    assert told, err[-3000:]
    assert err.count("error:") == 1
    assert int(told[1]) >= 3 + len(re.findall(r"^fit [34]/4", out, re.MULTILINE))
    assert not (project / "together").exists()

    again = start(2, "together")
    out, err = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0, err[-3000:]
    assert f"resumed after epoch {told[1]}\n" in out
    assert not list((project / "cache").glob("training/*"))
    one, two = (
        pd.read_csv(project / out / "plots/learning_curves.csv").drop(columns="phase").to_numpy()
        for out in ("alone", "together")
    )
    assert one.shape == (5, 8)  # 20 steps
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-4)
    models = [keras.models.load_model(project / out / "model.keras") for out in ("alone", "together")]
    assert [layer.name for layer in models[1].layers] == [layer.name for layer in models[0].layers]
    for first, second in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(second, first, rtol=0, atol=1e-3)


def test_a_scheduler_starts_the_workers(project: Path, start: Start) -> None:
    """By TF_CONFIG alone: only the chief writes, and when it is killed the other ends by itself with 4."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    crew = [start(2, f"place{place}", {team.VARIABLE: team.compose(addresses, place)}) for place in range(2)]
    _read_to(crew[1], "fit 1/4")
    crew[0].kill()
    crew[0].communicate(timeout=PATIENCE_S)
    _, err = crew[1].communicate(timeout=PATIENCE_S)
    assert crew[1].returncode == 4, err[-3000:]
    assert f"error: worker 0 ({addresses[0]}): ended, or cannot be reached any more" in err
    assert re.search(r"it goes on after epoch \d$", err, re.MULTILINE)
    assert not (project / "place0").exists()
    assert not (project / "place1").exists()


def test_ctrl_c_ends_all(project: Path, start: Start) -> None:
    """Interrupted, the stage ends with 130, says so once, and leaves no process and the checkpoint."""
    running = start("long", "interrupted")
    _read_to(running, "warmup 1/1")
    children = _children(running)
    assert len(children) == 2
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130, err[-3000:]
    assert err.count("interrupted:") == 1
    assert "Traceback" not in err
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert list((project / "cache").glob("training/*/state.npz"))
    assert not (project / "interrupted").exists()


@pytest.mark.parametrize(
    ("config", "workers", "told"),
    [
        ("{", 2, "TF_CONFIG: is no JSON"),
        (team.compose(["a:1", "b:2", "c:3"], 0), 2, "names 3 worker(s), but training.workers is 2"),
        (json.dumps({"cluster": {"ps": ["a:1"]}}), 1, "names the job `ps`"),
    ],
)
def test_bad_tf_config_is_told_before_the_work(start: Start, config: str, workers: int, told: str) -> None:
    """A TF_CONFIG that cannot be obeyed is exit code 2 and one line."""
    ended = start(workers, "never", {team.VARIABLE: config})
    _, err = ended.communicate(timeout=PATIENCE_S)
    assert ended.returncode == 2
    assert told in err
    assert "Traceback" not in err
