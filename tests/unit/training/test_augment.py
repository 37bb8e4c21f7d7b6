"""Augmentation changes images as asked, and the same way for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from scanops.model_rules import Augmentation
from scanops.training.augment import VERSIONS, augment, examples
from tests.heads import Head
from tests.pictures import noise

pytestmark = pytest.mark.tensorflow
OFF = Augmentation(flip_horizontal=False)
BATCH = np.stack([noise(i, 32, 32) for i in range(8)])


GREY = np.full((64, 96, 96, 3), 128, np.uint8)
HEADS = np.stack([Head(96, 96, across=0.2, along=0.25).draw(i, background=0) for i in range(16)])
ZEROS = [name for name in Augmentation.model_fields if not name.startswith("flip")]
AMOUNTS = {
    "rotation_deg": 20.0,
    "shift_fraction": 0.2,
    "zoom_fraction": 0.3,
    "shear_deg": 25.0,
    "brightness_fraction": 0.3,
    "contrast_fraction": 0.5,
    "noise_std": 12.0,
}


def _augment(rules: Augmentation, seed: int = 1, batch: np.ndarray = BATCH) -> np.ndarray:
    return augment(tf.constant(batch), tf.constant([seed, 7], tf.int64), rules).numpy()


def _only(**amounts: float) -> Augmentation:
    return Augmentation(**{"flip_horizontal": False, **amounts})


def test_switched_off_it_changes_nothing() -> None:
    """With everything at zero each image comes out as it went in."""
    np.testing.assert_array_equal(_augment(OFF), BATCH)


@pytest.mark.parametrize("off", ZEROS)
def test_zero_switches_one_off_exactly(off: str) -> None:
    """With one knob at zero, a batch is what it is when that knob's draws are the smallest there are."""
    others = Augmentation(**{**AMOUNTS, "flip_vertical": True, off: 0.0})
    least = Augmentation(**{**AMOUNTS, "flip_vertical": True, off: 1e-12})
    np.testing.assert_array_equal(_augment(others), _augment(least))
    assert set(AMOUNTS) == set(ZEROS)


@pytest.mark.parametrize("name", ZEROS)
def test_a_change_too_small_to_see_is_none(name: str) -> None:
    """Next to zero, each change alone gives back the image, bit for bit: nothing drifts on the way."""
    np.testing.assert_array_equal(_augment(_only(**{name: 1e-12})), BATCH)


def test_mirroring_mirrors_some() -> None:
    """Each image is either itself or its mirror image, and both occur."""
    changed = _augment(Augmentation(flip_horizontal=True))
    same = [bool((c == b).all()) for c, b in zip(changed, BATCH, strict=True)]
    mirrored = [bool((c == b[:, ::-1]).all()) for c, b in zip(changed, BATCH, strict=True)]
    assert all(s != m for s, m in zip(same, mirrored, strict=True))
    assert 0 < sum(same) < len(BATCH)


def test_upside_down_turns_some() -> None:
    """Vertical flips alone give the image or its image in water; with horizontal ones, all four occur."""
    changed = _augment(_only(flip_vertical=True))
    ways = [int(not (c == b).all()) for c, b in zip(changed, BATCH, strict=True)]
    assert 0 < sum(ways) < len(BATCH)
    assert all((c == b[::-1]).all() for way, c, b in zip(ways, changed, BATCH, strict=True) if way)
    many = np.repeat(BATCH[:1], 64, axis=0)
    both = _augment(Augmentation(flip_horizontal=True, flip_vertical=True), batch=many)
    steps = [(x, y) for x in (1, -1) for y in (1, -1)]
    seen = [[(c == many[0][::y, ::x]).all() for x, y in steps] for c in both]
    assert np.array(seen).sum(axis=1).tolist() == [1] * 64
    assert np.array(seen).any(axis=0).all()


@pytest.mark.parametrize("name", ZEROS)
def test_each_change_works_alone(name: str) -> None:
    """Each knob changes every image, and no two in the same way."""
    changed = _augment(_only(**{name: AMOUNTS[name]}), batch=np.repeat(BATCH[:1], 8, axis=0))
    assert changed.shape == BATCH.shape
    assert all((c != b).any() for c, b in zip(changed, BATCH, strict=True))
    assert len({c.tobytes() for c in changed}) == len(changed)


def test_brightness_and_contrast_keep_their_range() -> None:
    """No image gets brighter or darker than asked, nor its contrast changes more; some come near."""
    shift = _augment(_only(brightness_fraction=0.1), batch=GREY).astype(int)[:, 0, 0, 0] - 128
    assert 18 <= np.abs(shift).max() <= 26  # 25.5 grey levels, rounded
    assert shift.min() < 0 < shift.max()
    halves = GREY.copy()
    halves[:, :48], halves[:, 48:] = 78, 178
    spread = _augment(_only(contrast_fraction=0.2), batch=halves).astype(int)
    ratio = (spread[:, 90, 0, 0] - spread[:, 5, 0, 0]) / 100
    assert 0.79 <= ratio.min() < 0.9
    assert 1.1 < ratio.max() <= 1.21


def _centres(images: np.ndarray) -> np.ndarray:
    """Where the light of each image is, as [N, 2] rows and columns."""
    light = images[..., 0].astype(float)
    places = np.mgrid[: light.shape[1], : light.shape[2]]
    return np.stack([(light * p).sum((1, 2)) / light.sum((1, 2)) for p in places], axis=1)


def test_shifts_and_zooms_keep_their_range() -> None:
    """A head is moved along each axis by no more than asked, and no larger or smaller than asked."""
    moved = _centres(_augment(_only(shift_fraction=0.1), batch=HEADS)) - _centres(HEADS)
    assert np.abs(moved).max() <= 9.6 + 0.1
    assert (np.abs(moved).max(axis=0) > 6).all()
    zoomed = _augment(_only(zoom_fraction=0.2), batch=HEADS).astype(float).sum((1, 2, 3))
    ratio = HEADS.astype(float).sum((1, 2, 3)) / zoomed
    assert 0.62 <= ratio.min() < 0.8  # areas go with the square of 0.8
    assert 1.2 < ratio.max() <= 1.46


def test_shear_leans_upright_lines() -> None:
    """An upright line leans about the centre, by an angle within the range; level lines stay level."""
    lines = np.zeros((32, 97, 97, 3), np.uint8)
    lines[:, :, 47:50] = 255
    leaning = _augment(_only(shear_deg=20.0), batch=lines)[..., 0].astype(float)
    columns = (leaning * np.arange(97)).sum(2) / leaning.sum(2)
    assert np.abs(columns[:, 48] - 48).max() < 0.1
    degrees = np.degrees(np.arctan((columns[:, 78] - columns[:, 18]) / 60))
    assert np.abs(degrees).max() <= 20.2
    assert degrees.min() < -12
    assert degrees.max() > 12
    bent = columns - (48 + np.outer(np.tan(np.radians(degrees)), np.arange(97) - 48))
    assert np.abs(bent[:, 18:79]).max() < 0.6
    level = _augment(_only(shear_deg=20.0), batch=lines.swapaxes(1, 2))
    np.testing.assert_array_equal(level[:, :, 40:57], lines.swapaxes(1, 2)[:, :, 40:57])


def test_rotation_keeps_its_range() -> None:
    """The long axis of a head turns by no more than asked, either way."""
    slim = Head(97, 97, across=0.1, along=0.3, level=255).draw(background=0)
    heads = np.repeat(slim[None], 32, axis=0)
    turned = _augment(_only(rotation_deg=30.0), batch=heads)[..., 0].astype(float)
    rows, columns = np.mgrid[-48:49, -48:49]
    moments = [(turned * m).sum((1, 2)) for m in (rows * rows, columns * columns, rows * columns)]
    degrees = np.degrees(0.5 * np.arctan2(2 * moments[2], moments[0] - moments[1]))
    assert np.abs(degrees).max() <= 30.5
    assert degrees.min() < -18
    assert degrees.max() > 18


def test_noise_has_the_spread_asked() -> None:
    """Noise has mean zero and the standard deviation asked, on every image, equal in the three channels."""
    noisy = _augment(_only(noise_std=10.0), batch=GREY).astype(float) - 128
    rounding = 1 / 12
    np.testing.assert_allclose(noisy.std(axis=(1, 2, 3)), math.sqrt(100 + rounding), rtol=0.05)
    assert np.abs(noisy.mean(axis=(1, 2, 3))).max() < 0.5
    assert (noisy == noisy[..., :1]).all()
    assert abs(np.corrcoef(noisy[0, :, :, 0].ravel(), noisy[1, :, :, 0].ravel())[0, 1]) < 0.05


def test_geometry_keeps_the_mean() -> None:
    """Moving a head about in a dark picture changes the picture's mean by little, over a batch by less."""
    rules = Augmentation(
        flip_vertical=True, rotation_deg=30, shift_fraction=0.1, zoom_fraction=0.1, shear_deg=15
    )
    before, after = (images.mean(axis=(1, 2, 3)) for images in (HEADS, _augment(rules, batch=HEADS)))
    assert np.abs(after / before - 1).max() < 0.3
    assert abs(after.mean() / before.mean() - 1) < 0.1


def test_grey_stays_grey() -> None:
    """With everything on, the three channels of a grey image stay equal."""
    changed = _augment(Augmentation(**AMOUNTS, flip_vertical=True))
    assert (changed == changed[..., :1]).all()


def test_examples_are_an_image_and_its_versions_for_each_class() -> None:
    """Each class shows its first image as it is, then versions that differ; the same seed, the same ones."""
    targets = np.array([2, 0, 1, 1, 0, 2, 2, 0])
    rules = Augmentation(**AMOUNTS)
    shown = examples(BATCH, targets, 3, rules)
    assert list(shown) == [0, 1, 2]
    for target, first in ((0, 1), (1, 2), (2, 0)):
        assert shown[target].shape == (1 + VERSIONS, 32, 32, 3)
        np.testing.assert_array_equal(shown[target][0], BATCH[first])
        assert len({version.tobytes() for version in shown[target]}) == 1 + VERSIONS
        np.testing.assert_array_equal(shown[target], examples(BATCH, targets, 3, rules)[target])
    assert (shown[0] != examples(BATCH, targets, 4, rules)[0]).any()


def test_rotation_turns_about_the_centre() -> None:
    """A bright centre stays in the centre however far the image is turned."""
    image = np.zeros((1, 33, 33, 3), np.uint8)
    image[:, 15:18, 15:18] = 255
    turned = augment(
        tf.constant(image), tf.constant([3, 3], tf.int64), OFF.model_copy(update={"rotation_deg": 180.0})
    ).numpy()
    assert turned[0, 16, 16, 0] > 200
    assert abs(int(turned.sum()) - int(image.sum())) < 0.2 * image.sum()


def test_seed_decides() -> None:
    """The same seed gives the same images; another gives others."""
    rules = Augmentation(**AMOUNTS, flip_vertical=True)
    np.testing.assert_array_equal(_augment(rules, 5), _augment(rules, 5))
    assert (_augment(rules, 5) != _augment(rules, 6)).any()
