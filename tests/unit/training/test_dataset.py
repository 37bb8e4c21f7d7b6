"""Batches hold each picture once an epoch, in a seeded order, from one decoding."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanops import imaging
from scanops.errors import ImageError
from scanops.model_rules import Augmentation
from scanops.training import dataset, pixels
from tests import dicom_files
from tests.conftest import require_part
from tests.pictures import encode, noise, save

pytestmark = pytest.mark.tensorflow
PIXELS = np.stack([noise(i, 16, 16) for i in range(10)])
TARGETS = np.arange(10)
PART = dataset.Part(PIXELS, TARGETS)


def _epochs(seed: int, count: int = 2, rules: Augmentation | None = None) -> list[list[int]]:
    batches = [dataset.training_batches(PART, 4, seed, rules, epoch) for epoch in range(count)]
    return [[int(t) for _, targets in one.as_numpy_iterator() for t in targets] for one in batches]


def test_an_epoch_is_a_permutation() -> None:
    """Each picture comes once an epoch, epochs differ in order, and the same seed repeats them."""
    first, second = _epochs(seed=1)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert _epochs(seed=1) == [first, second]
    assert _epochs(seed=2) != [first, second]


def test_images_and_targets_stay_together() -> None:
    """A picture keeps its class through shuffling."""
    for images, targets in dataset.training_batches(PART, 4, 1, None).as_numpy_iterator():
        np.testing.assert_array_equal(images, PIXELS[targets])


def test_changes_differ_between_epochs() -> None:
    """The same picture is changed in another way in the next epoch."""
    part, rules = dataset.Part(PIXELS[:1], TARGETS[:1]), Augmentation(rotation_deg=40)
    batches = [dataset.training_batches(part, 1, 1, rules, epoch) for epoch in range(2)]
    (first, _), (second, _) = (next(one.as_numpy_iterator()) for one in batches)
    assert (first != second).any()


def test_an_epoch_is_told_by_its_number() -> None:
    """Order and changes follow from seed and epoch alone, whatever was read before: so a run can resume."""
    rules = Augmentation(rotation_deg=40, contrast_fraction=0.5)
    read = [list(dataset.training_batches(PART, 4, 1, rules, 5).as_numpy_iterator()) for _ in range(2)]
    for (one, first), (other, second) in zip(*read, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(first, second)


def test_balanced_weights() -> None:
    """Each class adds the same to the loss."""
    assert dataset.balanced_weights(np.array([0, 0, 0, 1])) == {0: pytest.approx(2 / 3), 1: 2.0}


def test_ordered_batches_keep_the_order() -> None:
    """Validation sees the pictures unchanged and in order."""
    images = np.concatenate([i for i, _ in dataset.ordered_batches(PART, 4).as_numpy_iterator()])
    np.testing.assert_array_equal(images, PIXELS)


def test_each_picture_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many epochs are read, a file is decoded once; the temporary array is gone afterwards."""
    names = [save(tmp_path / f"{i}.png", encode(noise(i))).name for i in range(5)]
    calls: list[str] = []
    original = imaging.read

    def counted(root: Path, path: str, **options: Any) -> imaging.Decoded:
        calls.append(path)
        return original(root, path, **options)

    monkeypatch.setattr(imaging, "read", counted)
    with pixels.decoded(tmp_path, names, imaging.InputForm(16)) as array:
        assert isinstance(array, np.memmap)
        place = Path(str(array.filename))
        for _ in range(3):
            list(dataset.training_batches(dataset.Part(array, np.arange(5)), 2, 1, None).as_numpy_iterator())
    assert sorted(calls) == sorted(names)
    assert not place.exists()


def test_frames_are_decoded_by_their_paths(tmp_path: Path) -> None:
    """Each frame of a DICOM file is a picture of its own."""
    frames = np.random.default_rng(0).integers(0, 256, (3, 16, 16), np.uint8)
    save(tmp_path / "x.dcm", dicom_files.encode(frames))
    names = [imaging.frame_path("x.dcm", number) for number in (2, 0, 1)]
    with pixels.decoded(tmp_path, names, imaging.InputForm(16)) as array:
        np.testing.assert_array_equal(array[..., 0], frames[[2, 0, 1]])


def test_a_full_disk_is_an_error_not_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk cannot hold the decoded pictures, that is said before one is written; nothing stays."""
    require_part(os.geteuid() == 0, "mounting a small file system needs root")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], check=True)
    try:
        monkeypatch.setattr("tempfile.tempdir", str(small))
        names = [save(tmp_path / f"{i}.png", encode(noise(i))).name for i in range(30)]
        with (
            pytest.raises(OSError, match="No space"),
            pixels.decoded(tmp_path, names, imaging.InputForm(256)),
        ):
            pass
        assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_file_that_broke_since_validation_is_named(tmp_path: Path) -> None:
    """A file that can no longer be decoded ends the run with its name."""
    save(tmp_path / "broken.png", b"nothing")
    with (
        pytest.raises(ImageError, match=r"broken\.png"),
        pixels.decoded(tmp_path, ["broken.png"], imaging.InputForm(16)),
    ):
        pass
