"""Mixed precision concerns the trunk while it learns, and nothing that is kept."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from scanops.model_rules import Training
from scanops.training import classifier, precision

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def model(tmp_path: Path) -> keras.Model:
    """A classifier on a saved backbone with batch normalisation."""
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, name="first")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    keras.Model(image, x).save(tmp_path / "backbone.keras")
    weights = str(tmp_path / "backbone.keras")
    # This scaling turns the channels round: an operation in the graph that is no layer.
    return classifier.build(Training(architecture="file", weights=weights, input_scaling="caffe"), 2, 32)


def test_the_trunk_alone_is_reduced(model: keras.Model) -> None:
    """In the copy the trunk computes in bfloat16, all else in float32, and so does all of the original."""
    copy = precision.mixed(model)
    reduced = {layer.compute_dtype for layer in copy.get_layer(classifier.TRUNK).layers[1:]}
    assert reduced == {"bfloat16"}
    assert {layer.compute_dtype for layer in copy.layers if layer.name != classifier.TRUNK} == {"float32"}
    assert {weight.dtype for weight in copy.weights} == {"float32"}
    kept = [*model.layers, *model.get_layer(classifier.TRUNK).layers]
    assert {layer.compute_dtype for layer in kept} == {"float32"}


def test_the_copy_answers_alike(model: keras.Model) -> None:
    """Names, order and values of the weights are the same; the float32 probabilities nearly so."""
    copy = precision.mixed(model)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    for one, other in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    answers = copy(images)
    assert answers.dtype == "float32"
    np.testing.assert_allclose(answers, model(images), atol=0.02)


def test_batch_statistics_stay(model: keras.Model) -> None:
    """What is frozen in the copy stays as it is while the rest learns."""
    copy = precision.mixed(model)
    copy.get_layer(classifier.TRUNK).trainable = False
    before = [array.copy() for array in copy.get_layer(classifier.TRUNK).get_layer("norm").get_weights()]
    copy(np.full((4, 32, 32, 3), 200, np.uint8), training=True)
    after = copy.get_layer(classifier.TRUNK).get_layer("norm").get_weights()
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
