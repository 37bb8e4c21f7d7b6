"""The optimisers by name."""

from __future__ import annotations

from typing import Any

import keras

from scanops.model_rules import Training


def build(params: Training, learning_rate: Any) -> keras.Optimizer:
    """Make the optimiser that `training.optimiser` names.

    Args:
        params: The training section; `momentum` is read for `sgd`, `weight_decay` for `adamw`, which
            spares biases and the scales and shifts of normalisation.
        learning_rate: A number or a Keras schedule, see `schedules.build`.

    Returns:
        `adam` (Kingma and Ba 2015, arXiv:1412.6980), `adamw` (Loshchilov and Hutter 2019,
        arXiv:1711.05101), `sgd`, or `adamax` (Kingma and Ba 2015, section 7.1), not yet built.
    """
    match params.optimiser:
        case "adamw":
            optimiser = keras.optimizers.AdamW(learning_rate, weight_decay=params.weight_decay)
            optimiser.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
            return optimiser
        case "sgd":
            return keras.optimizers.SGD(learning_rate, momentum=params.momentum)
        case "adamax":
            return keras.optimizers.Adamax(learning_rate)
        case _:
            return keras.optimizers.Adam(learning_rate)
