"""Augmentation changes images as asked, and the same way for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from scanops.model_rules import Augmentation
from scanops.training.augment import augment
from tests.pictures import noise

pytestmark = pytest.mark.tensorflow
OFF = Augmentation(flip_horizontal=False)
BATCH = np.stack([noise(i, 32, 32) for i in range(8)])


def _augment(rules: Augmentation, seed: int = 1) -> np.ndarray:
    return augment(tf.constant(BATCH), tf.constant([seed, 7], tf.int64), rules).numpy()


def test_switched_off_it_changes_nothing() -> None:
    """With everything at zero each image comes out as it went in."""
    np.testing.assert_array_equal(_augment(OFF), BATCH)


def test_mirroring_mirrors_some() -> None:
    """Each image is either itself or its mirror image, and both occur."""
    changed = _augment(Augmentation(flip_horizontal=True))
    same = [bool((c == b).all()) for c, b in zip(changed, BATCH, strict=True)]
    mirrored = [bool((c == b[:, ::-1]).all()) for c, b in zip(changed, BATCH, strict=True)]
    assert all(s != m for s, m in zip(same, mirrored, strict=True))
    assert 0 < sum(same) < len(BATCH)


@pytest.mark.parametrize(
    "rules",
    [
        {"rotation_deg": 20.0},
        {"shift_fraction": 0.2},
        {"zoom_fraction": 0.3},
        {"brightness_fraction": 0.3},
        {"contrast_fraction": 0.5},
    ],
)
def test_each_change_works_alone(rules: dict[str, float]) -> None:
    """Each knob changes every image, and no two in the same way."""
    changed = _augment(OFF.model_copy(update=rules)).astype(int)
    assert changed.shape == BATCH.shape
    assert all((c != b).any() for c, b in zip(changed, BATCH, strict=True))


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
    rules = Augmentation(rotation_deg=10, brightness_fraction=0.2)
    np.testing.assert_array_equal(_augment(rules, 5), _augment(rules, 5))
    assert (_augment(rules, 5) != _augment(rules, 6)).any()
