"""Copy a model layer by layer, with changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from scanops.training.classifier import TRUNK


def copy(model: keras.Model, change: Callable[[Any, bool], Any]) -> keras.Model:
    """Copy a classifier, and change layers on the way.

    Args:
        model: What `classifier.build` returns; it stays as it is.
        change: From a layer, and whether it is within the trunk, to a new layer with the same weights.

    Returns:
        A model with the same names and weights, in the same order.
    """
    made = _copy(model, change, in_trunk=False)
    made.set_weights(model.get_weights())
    return made


def _copy(model: keras.Model, change: Callable[[Any, bool], Any], *, in_trunk: bool) -> keras.Model:
    def remake(layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            return _copy(layer, change, in_trunk=in_trunk or layer.name == TRUNK)
        if not isinstance(layer, keras.layers.Layer):  # a graph also holds bare operations, such as a slice
            return type(layer).from_config(layer.get_config())
        return change(layer, in_trunk)

    made = keras.models.clone_model(model, clone_function=remake)
    made.name = model.name
    return made
