"""Each scaling is the one that the published weights were learnt with."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from scanops.training.normalisation import SCALINGS, normalise

pytestmark = pytest.mark.tensorflow
IMAGES = np.random.default_rng(5).integers(0, 256, (2, 6, 6, 3), np.uint8)


def _normalised(scaling: str) -> np.ndarray:
    image = keras.Input((6, 6, 3), dtype="uint8")
    return np.asarray(keras.Model(image, normalise(image, scaling))(IMAGES))


@pytest.mark.parametrize(("scaling", "mode"), [("caffe", "caffe"), ("-1..1", "tf"), ("torch", "torch")])
def test_it_agrees_with_keras(scaling: str, mode: str) -> None:
    """The layers in the graph give what Keras' own `preprocess_input` gives, order of channels included."""
    expected = keras.applications.imagenet_utils.preprocess_input(IMAGES.astype(np.float32), mode=mode)
    np.testing.assert_allclose(_normalised(scaling), expected, atol=1e-4)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_it_is_float(scaling: str) -> None:
    """No scaling lets bytes through."""
    assert _normalised(scaling).dtype == np.float32


@pytest.mark.parametrize(("scaling", "largest"), [("0..1", 1.0), ("0..255", 255.0), ("-1..1", 1.0)])
def test_white_is_the_upper_end(scaling: str, largest: float) -> None:
    """A range's name says where white lies."""
    image = keras.Input((6, 6, 3), dtype="uint8")
    model = keras.Model(image, normalise(image, scaling))
    np.testing.assert_allclose(np.asarray(model(np.full((1, 6, 6, 3), 255, np.uint8))), largest, rtol=1e-6)
