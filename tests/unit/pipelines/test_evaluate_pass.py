"""The pass of `evaluate`: the same answers in any number of processes, and faults that name the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipelines import evaluate_pass
from pipelines.evaluate_pass import Seen
from scanops import workers
from scanops.bundle import batch
from scanops.bundle.predictor import Predictor
from scanops.config import Evaluation
from scanops.data import strangers
from scanops.errors import ConfigError, ImageError
from scanops.evaluation.cohort import Cohort
from tests.bundles import make_bundle, teach_heads

TRAIN, TEST, STRANGERS = 20, 75, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise of many levels, and a bundle that abstains."""
    folder, rng = tmp_path_factory.mktemp("pass"), np.random.default_rng(5)
    (folder / "raw").mkdir()
    for number in range(TRAIN + TEST):
        pixels = rng.integers(0, 2 * number + 20, (40, 30, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "raw" / f"{number:03}.png")
    make_bundle(folder / "bundle", ("a", "b"), 64, crop="brain")
    teach_heads(folder / "bundle")
    return folder


def cohort(numbers: range) -> Cohort:
    """Some of the pictures."""
    paths = [f"{number:03}.png" for number in numbers]
    return Cohort(pd.DataFrame({"path": paths, "group": paths}), np.zeros(len(paths), np.int64))


def look(folder: Path, test: range = range(TRAIN, TRAIN + TEST)) -> Seen:
    """Do the pass."""
    predictor = Predictor(folder / "bundle")
    settings = Evaluation(strangers=STRANGERS, baseline_side_px=8)
    kinds = evaluate_pass.kinds(predictor.bundle)
    return evaluate_pass.look(predictor, kinds, folder / "raw", cohort(range(TRAIN)), cohort(test), settings)


def test_processes_change_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process or three: the same bits, in the order of the files, and each picture counted once."""
    monkeypatch.setattr(workers, "usable_cores", lambda: 1)
    alone = look(folder)
    monkeypatch.setattr(workers, "usable_cores", lambda: 3)
    together = look(folder)
    for name in ("train_thumbnails", "test_thumbnails"):
        np.testing.assert_array_equal(getattr(together, name), getattr(alone, name))
    np.testing.assert_array_equal(together.answers.probabilities, alone.answers.probabilities)
    assert (together.why, together.strangers, together.crop) == (alone.why, alone.strangers, alone.crop)
    assert together.train_thumbnails.shape == (TRAIN, 64)
    assert together.test_thumbnails.shape == (TEST, 64)
    assert together.crop["images"] == len(together.why) == TEST
    assert {kind: len(why) for kind, why in together.strangers.items()} == dict.fromkeys(
        strangers.KINDS, STRANGERS
    )


def test_the_answers_are_the_predictors(folder: Path) -> None:
    """What the pass says of an image is what the service would: same decoding, crop and graph."""
    seen, predictor = look(folder), Predictor(folder / "bundle")
    pixels = np.concatenate(list(batch.read(predictor, folder / "raw", cohort(range(TRAIN, 95)).paths)))
    verdict = predictor.answer(pixels)
    np.testing.assert_allclose(seen.answers.probabilities, verdict.prediction.probabilities, atol=1e-6)
    assert seen.why == verdict.why


@pytest.mark.parametrize("cores", [1, 2])
def test_a_fault_names_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    """A missing file, and one that holds no picture, end the pass with a message, in whichever process."""
    monkeypatch.setattr(workers, "usable_cores", lambda: cores)
    with pytest.raises(ConfigError, match=r"095\.png: cannot be read"):
        look(folder, range(TRAIN, 97))
    odd = folder / "raw" / "095.png"
    odd.write_bytes(b"no picture")
    try:
        with pytest.raises(ImageError, match=r"095\.png"):
            look(folder, range(TRAIN, 97))
    finally:
        odd.unlink()
