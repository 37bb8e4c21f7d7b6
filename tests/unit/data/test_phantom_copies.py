"""Changed copies are changed as their names say, and by no more."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from scanops.data import phantom
from scanops.data.phantom_copies import CHANGES, change

SEEDS = range(4)


def _source(folder: Path, seed: int) -> Path:
    """Save a slice that is no square."""
    path, levels = folder / "source.png", phantom.draw("glioma", "sagittal", np.random.default_rng(seed))
    Image.fromarray(levels[: min(levels.shape) - 30]).save(path)
    return path


def _levels(data: bytes) -> npt.NDArray[np.float64]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L"), np.float64)


def _pair(folder: Path, name: str, seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Give the grey levels of a source and of its changed copy."""
    source = _source(folder, seed)
    return _levels(source.read_bytes()), _levels(change(source, name, np.random.default_rng(seed)))


@pytest.mark.parametrize("name", CHANGES)
def test_the_same_stream_gives_the_same_copy(tmp_path: Path, name: str) -> None:
    """A change depends on the file, its name and the random stream alone, and never keeps the pixels."""
    source = _source(tmp_path, 1)
    one, other = (change(source, name, np.random.default_rng(3)) for _ in range(2))
    assert one == other
    assert not np.array_equal(_levels(one), _levels(source.read_bytes()))


@pytest.mark.parametrize("seed", SEEDS)
def test_resized_keeps_the_aspect(tmp_path: Path, seed: int) -> None:
    """Both sides change by one factor between a half and two that is not close to one."""
    before, after = _pair(tmp_path, "resized", seed)
    factors = [b / a for a, b in zip(before.shape, after.shape, strict=True)]
    assert factors[0] == pytest.approx(factors[1], abs=0.01)
    assert 0.49 < factors[0] < 2.01
    assert abs(factors[0] - 1) > 0.19


@pytest.mark.parametrize("seed", SEEDS)
def test_reencoded_is_jpeg_at_quality_40(tmp_path: Path, seed: int) -> None:
    """The copy's quantisation tables are those of JPEG quality 40; size and places stay."""
    source = _source(tmp_path, seed)
    data, expected = change(source, "reencoded", np.random.default_rng(seed)), io.BytesIO()
    with Image.open(source) as image:
        image.save(expected, "JPEG", quality=40)
    tables = [JpegImageFile(io.BytesIO(one)).quantization for one in (data, expected.getvalue())]
    assert tables[0] == tables[1]
    assert 0 < np.abs(_levels(data) - _levels(source.read_bytes())).mean() < 5


def test_greyscale_loses_the_colour(tmp_path: Path) -> None:
    """A colour image's copy has one channel."""
    source = tmp_path / "colour.png"
    Image.merge("RGB", [Image.linear_gradient("L"), *[Image.radial_gradient("L")] * 2]).save(source)
    with Image.open(io.BytesIO(change(source, "greyscale", np.random.default_rng(0)))) as copy:
        assert copy.mode == "L"


@pytest.mark.parametrize("seed", SEEDS)
def test_brightness_changes_by_15_percent(tmp_path: Path, seed: int) -> None:
    """Levels that are not clipped are 0.85 or 1.15 times what they were."""
    before, after = _pair(tmp_path, "brightness", seed)
    middle = (before > 40) & (before < 200)
    ratio = np.median(after[middle] / before[middle])
    assert min(abs(ratio - 0.85), abs(ratio - 1.15)) < 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_contrast_changes_by_15_percent(tmp_path: Path, seed: int) -> None:
    """Levels that are not clipped lie 0.85 or 1.15 times as far from the mean."""
    before, after = _pair(tmp_path, "contrast", seed)
    middle = (before > 40) & (before < 200)
    slope = np.polyfit(before[middle], after[middle], 1)[0]
    assert min(abs(slope - 0.85), abs(slope - 1.15)) < 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_cropped_loses_the_border(tmp_path: Path, seed: int) -> None:
    """What is left is the middle: 2.5 % or 5 % of each side is gone at each edge."""
    before, after = _pair(tmp_path, "cropped", seed)
    top, left = ((a - b) // 2 for a, b in zip(before.shape, after.shape, strict=True))
    assert min(abs(top / before.shape[0] - share) for share in (0.025, 0.05)) < 0.004
    middle = before[top : top + after.shape[0], left : left + after.shape[1]]
    assert np.abs(after - middle).mean() < 3


@pytest.mark.parametrize("seed", SEEDS)
def test_padded_is_a_square_around_the_picture(tmp_path: Path, seed: int) -> None:
    """The copy is square, the picture in its middle, and what was added is black."""
    before, after = _pair(tmp_path, "padded", seed)
    side = max(before.shape)
    assert after.shape == (side, side)
    top, left = ((side - length) // 2 for length in before.shape)
    inside = np.zeros(after.shape, bool)
    inside[top : top + before.shape[0], left : left + before.shape[1]] = True
    assert np.abs(after[inside].reshape(before.shape) - before).mean() < 3
    assert not inside.all()
    assert after[~inside].mean() < 2


@pytest.mark.parametrize("seed", SEEDS)
def test_mirrored_is_flipped_left_to_right(tmp_path: Path, seed: int) -> None:
    """Only a flip from left to right brings the picture back."""
    before, after = _pair(tmp_path, "mirrored", seed)
    assert np.abs(after[:, ::-1] - before).mean() < 3
    assert np.abs(after - before).mean() > 10


def test_an_unknown_change_is_refused(tmp_path: Path) -> None:
    """A change that does not exist is an error that names it."""
    with pytest.raises(KeyError, match="melted"):
        change(_source(tmp_path, 0), "melted", np.random.default_rng(0))
