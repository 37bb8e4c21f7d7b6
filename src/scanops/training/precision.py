"""Mixed precision: the trunk computes in bfloat16, everything that is kept stays float32."""

from __future__ import annotations

from typing import Any

import keras

from scanops.training import remake

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
    return remake.copy(model, _with_policy)


def _with_policy(layer: Any, in_trunk: bool) -> Any:
    return type(layer).from_config({**layer.get_config(), "dtype": POLICIES[in_trunk]})
