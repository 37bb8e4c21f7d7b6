"""Mixed precision: the trunk computes in bfloat16, everything that is kept stays float32."""

from __future__ import annotations

from typing import Any

import keras

from scanops.training.classifier import TRUNK

POLICIES = {False: "float32", True: "mixed_bfloat16"}


def mixed(model: keras.Model) -> keras.Model:
    """Copy a classifier so that its trunk computes in bfloat16.

    The weights stay float32, and so do normalisation, pooling and head: probabilities are float32.
    bfloat16 has the range of float32, so that the loss needs no scaling.

    Args:
        model: What `classifier.build` returns; it stays as it is.

    Returns:
        A model with the same layers, names and weights, in the same order.
    """
    copy = _copy(model, reduced=False)
    copy.set_weights(model.get_weights())
    return copy


def _copy(model: keras.Model, *, reduced: bool) -> keras.Model:
    def remake(layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            return _copy(layer, reduced=reduced or layer.name == TRUNK)
        if not isinstance(layer, keras.layers.Layer):
            return type(layer).from_config(layer.get_config())  # a bare operation takes its input's type
        config = layer.get_config()
        if isinstance(layer, keras.Layer):  # a graph also holds bare operations, such as a slice
            config["dtype"] = POLICIES[reduced]
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=remake)
    copy.name = model.name
    return copy
