"""The stage `export` teaches a bundle to abstain, and reads no test picture for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from scanops import config, imaging
from scanops.bundle.predictor import Predictor
from scanops.data import phantom, splits, strangers

ROOT = Path(__file__).parents[2]
SIDE_PX = 32
VAL, TEST = 60, 12  # 60 groups are enough to promise 2 %
pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small phantom with its splits and a network; the files of the test split are not there."""
    folder = tmp_path_factory.mktemp("abstain")
    rng = np.random.default_rng(3)
    rows = []
    for number in range(200):
        kind = phantom.CLASSES[number % 4]
        part = "test" if number < TEST else "val" if number < TEST + VAL else "train"
        path = f"{kind}/{number:03}.png"
        if part != "test":
            (folder / "raw" / kind).mkdir(parents=True, exist_ok=True)
            drawn = phantom.draw(kind, ("axial", "coronal", "sagittal")[number % 3], rng)
            Image.fromarray(drawn).save(folder / "raw" / path)
        rows.append((f"{number:064}", path, kind, f"g{number}", part, True, 1))
    splits.write(pd.DataFrame(rows, columns=splits.SCHEMA.names), folder / "splits.parquet")
    (folder / "manifest.parquet").write_bytes(b"only its hash is read")
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["imaging"]["size_px"] = SIDE_PX
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    from scanops.training import archive, classifier  # noqa: PLC0415 -- loads TensorFlow

    params = config.load(folder / "params.yaml").training
    archive.save(classifier.build(params, len(phantom.CLASSES), SIDE_PX), folder / "model.keras")
    return folder


def export(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run the stage."""
    places = {key: folder / file for key, file in {"raw": "raw", "params": "params.yaml"}.items()}
    places |= {key: folder / f"{key}.parquet" for key in ("manifest", "splits")}
    places |= {"model": folder / "model.keras", "bundle": folder / name, "report": folder / f"{name}.json"}
    words = [part for key, place in places.items() for part in (f"--{key}", str(place))]
    return subprocess.run(
        [sys.executable, "-m", "pipelines.export", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    """The exported bundle."""
    done = export(folder, "bundle")
    assert done.returncode == 0, done.stderr
    assert "at most" in done.stdout
    return Predictor(folder / "bundle", threads=1)


def test_no_test_picture_is_read(predictor: Predictor) -> None:
    """The limits were chosen though no file of the test split exists, and promise what was asked for."""
    assert predictor.limits is not None
    assert predictor.limits.false_rejection == 0.02


def test_an_unreadable_training_picture_is_noticed(folder: Path, tmp_path: Path) -> None:
    """The counterpart: a missing picture of the training split does end the stage."""
    for name in ("splits.parquet", "manifest.parquet", "params.yaml", "model.keras"):
        (tmp_path / name).symlink_to(folder / name)
    shutil.copytree(folder / "raw", tmp_path / "raw")
    (tmp_path / "raw" / phantom.CLASSES[3] / "199.png").unlink()
    assert export(tmp_path, "bundle").returncode != 0
    assert not (tmp_path / "bundle").exists()


def test_the_same_bundle_twice(predictor: Predictor, folder: Path) -> None:
    """Score, limits and description are the same bytes in another run."""
    assert export(folder, "again").returncode == 0
    for path in sorted(predictor.folder.iterdir()):
        assert (folder / "again" / path.name).read_bytes() == path.read_bytes(), path.name
    assert json.loads((folder / "again/bundle.json").read_text())["abstention"]["max_novelty"] > 1


@pytest.mark.parametrize("kind", strangers.KINDS)
def test_strangers_of_each_kind_are_turned_away(predictor: Predictor, kind: str) -> None:
    """Of each kind most are, even by a network that was never trained; of new heads hardly any."""
    shown = [
        predictor.fit_input(imaging.Decoded(picture, "PNG", picture.mode, *picture.size))
        for picture in strangers.draw(kind, 10, 1)
    ]
    why = predictor.answer(np.stack(shown)).why
    assert sum(reason is not None for reason in why) >= 7, predictor.answer(np.stack(shown)).novelty


def test_new_heads_are_answered(predictor: Predictor) -> None:
    """Of phantoms that nobody has seen nine in ten have their answer."""
    rng = np.random.default_rng(99)
    shown = []
    for number in range(48):
        picture = Image.fromarray(phantom.draw(phantom.CLASSES[number % 4], "axial", rng))
        shown.append(predictor.fit_input(imaging.Decoded(picture, "PNG", picture.mode, *picture.size)))
    why = predictor.answer(np.stack(shown)).why
    assert sum(reason is not None for reason in why) <= 5
