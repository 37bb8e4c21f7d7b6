"""A classifier has the parts that others find by name, and learns where it should."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from scanops.errors import ConfigError
from scanops.model_rules import Training
from scanops.training import classifier, precision

pytestmark = pytest.mark.tensorflow
SMALL = Training(architecture="cnn_small")


def test_parts_are_found_by_name() -> None:
    """Trunk, feature map, embedding and probabilities have the names that export and explanations use."""
    model = classifier.build(SMALL, 3, 32)
    shapes = [model.get_layer(name).output.shape for name in ("features", "embedding", "probabilities")]
    assert shapes == [(None, 2, 2, 128), (None, 128), (None, 3)]
    assert model.get_layer("trunk").output_shape == (None, 2, 2, 128)


def test_the_head_is_one_dense_layer() -> None:
    """The feature map times the weights of the last layer is a class-activation map: nothing lies between."""
    weights, bias = classifier.build(SMALL, 3, 32).get_layer("probabilities").get_weights()
    assert (weights.shape, bias.shape) == ((128, 3), (3,))


@pytest.mark.parametrize("layer", ["block9_conv", "Block3-Conv"])
def test_unknown_layer_is_told_before_any_training(layer: str) -> None:
    """A mistyped `fine_tune_from` ends the build with exit code 2 and the near matches."""
    with pytest.raises(ConfigError, match=r"did you mean .*block\d_conv") as caught:
        classifier.build(SMALL.model_copy(update={"fine_tune_from": layer}), 3, 32)
    assert caught.value.exit_code == 2


def test_layers_before_the_named_one_stay() -> None:
    """From the named layer on the trunk learns, before it nothing does."""
    model = classifier.build(SMALL, 3, 32)
    classifier.freeze(model, "block3_conv")
    learning = {weight.path.split("/")[-2] for weight in model.trainable_weights}
    assert learning == {"block3_conv", "block3_norm", "block4_conv", "block4_norm", "probabilities"}


def test_a_frozen_trunk_leaves_the_head() -> None:
    """With `trunk` for the first layer, the head alone learns; with none, all does again."""
    model = classifier.build(SMALL.model_copy(update={"fine_tune_from": "trunk"}), 3, 32)
    classifier.freeze(model, "trunk")
    assert len(model.trainable_weights) == 2
    classifier.freeze(model, None)
    assert len(model.trainable_weights) > 2


def test_reversed_channels_survive_mixed_precision(tmp_path: Path) -> None:
    """A graph that puts blue first can be copied for training in bfloat16, and answers alike."""
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.Conv2D(4, 3)(image)).save(tmp_path / "backbone.keras")
    params = Training(
        architecture="file", weights=str(tmp_path / "backbone.keras"), input_scaling="caffe", dropout=0.0
    )
    model = classifier.build(params, 2, 32)
    images = np.random.default_rng(2).integers(0, 256, (4, 32, 32, 3), np.uint8)
    expected, actual = (np.asarray(each(images)) for each in (model, precision.mixed(model)))
    np.testing.assert_allclose(actual, expected, atol=0.2)
    assert actual.dtype == np.float32
