"""Many files to many answers: the order, the bounds, and what a bad file does."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scanops import imaging
from scanops.bundle import batch
from scanops.bundle.predictor import Predictor
from scanops.errors import ConfigError, ImageError
from tests import dicom_files
from tests.bundles import make_bundle
from tests.pictures import encode, noise, save

IMAGES = 3 * batch.BATCH_SIZE + 5


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A loaded bundle."""
    return Predictor(make_bundle(tmp_path_factory.mktemp("bundle") / "bundle"))


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of different colours, more than are decoded ahead."""
    folder = tmp_path_factory.mktemp("raw")
    for number in range(IMAGES):
        colour = (number * 2 % 256, number * 5 % 256, number)
        Image.new("RGB", (20 + number % 7, 24), colour).save(folder / f"{number:03}.png")
    return folder


def names() -> list[str]:
    """The pictures, last one first."""
    return [f"{number:03}.png" for number in reversed(range(IMAGES))]


def test_answers_come_in_the_order_of_the_paths(predictor: Predictor, raw: Path) -> None:
    """Threads change nothing: each input and answer is what the predictor gives for that file."""
    parts = list(batch.predict(predictor, raw, names()))
    expected = np.stack([predictor.prepare((raw / name).read_bytes()) for name in names()])
    np.testing.assert_array_equal(np.concatenate([pixels for pixels, _ in parts]), expected)
    answers = np.concatenate([prediction.probabilities for _, prediction in parts])
    np.testing.assert_allclose(answers, predictor.predict(expected).probabilities, atol=1e-6)


def test_the_last_batch_is_smaller_and_progress_is_told(predictor: Predictor, raw: Path) -> None:
    """Every image is in one batch, and the progress adds up to all of them."""
    told: list[int] = []
    sizes = [len(pixels) for pixels in batch.read(predictor, raw, names(), told.append)]
    assert sizes == told == [batch.BATCH_SIZE] * 3 + [5]


def test_no_more_files_are_opened_than_are_needed_soon(
    predictor: Predictor, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that stops after one batch has not read the whole folder."""
    opened: list[str] = []
    lock, read = threading.Lock(), imaging.read

    def counted(root: Path, path: str, **options: Any) -> imaging.Decoded:
        with lock:
            opened.append(path)
        return read(root, path, **options)

    monkeypatch.setattr(imaging, "read", counted)
    monkeypatch.setattr(batch, "AHEAD", 4)
    reader = batch.read(predictor, raw, names())
    next(reader)
    reader.close()
    assert len(opened) <= batch.BATCH_SIZE + 4


def test_no_files_give_no_batches(predictor: Predictor, raw: Path) -> None:
    """An empty list is not an error."""
    assert list(batch.predict(predictor, raw, [])) == []


def test_a_missing_file_is_named(predictor: Predictor, raw: Path) -> None:
    """The message names the file and says what to do."""
    with pytest.raises(ConfigError, match=r"gone\.png: cannot be read .*make repro"):
        list(batch.read(predictor, raw, ["000.png", "gone.png"]))


def test_frames_are_read_by_their_paths(predictor: Predictor, tmp_path: Path) -> None:
    """Each frame of a DICOM file is an image of its own, in any order and beside whole files."""
    frames = np.random.default_rng(0).integers(0, 256, (40, 24, 20), np.uint8)
    save(tmp_path / "x.dcm", dicom_files.encode(frames))
    save(tmp_path / "y.png", encode(noise(1)))
    order = [39, *range(38)]
    paths = ["y.png", *(imaging.frame_path("x.dcm", number) for number in order)]
    inputs = np.concatenate(list(batch.read(predictor, tmp_path, paths)))
    for row, number in zip(inputs[1:], order, strict=True):
        colours = np.repeat(frames[number][..., None], 3, axis=2)
        expected = imaging.resize(colours, predictor.bundle.size_px, predictor.bundle.fit)
        np.testing.assert_array_equal(row, expected)


def test_a_damaged_file_is_named(predictor: Predictor, raw: Path, tmp_path: Path) -> None:
    """A file that is no image ends the batch with its own name."""
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ImageError, match=r"text\.png: is not an image"):
        list(batch.read(predictor, tmp_path, ["text.png"]))
