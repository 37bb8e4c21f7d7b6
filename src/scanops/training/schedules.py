"""The learning rate from step to step."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from scanops.model_rules import Training


class Triangular(keras.optimizers.schedules.LearningRateSchedule):
    """Up and down in straight lines, again and again (Smith 2017, WACV, arXiv:1506.01186).

    Args:
        low: Learning rate at the ends of a cycle.
        high: Learning rate in its middle.
        half_cycle_steps: Steps from one to the other; Smith's `stepsize`.
    """

    def __init__(self, low: float, high: float, half_cycle_steps: int) -> None:
        self.low, self.high, self.half_cycle_steps = low, high, half_cycle_steps

    def __call__(self, step: Any) -> Any:
        """Give the learning rate of a step, float32, counted from 0."""
        position = ops.cast(step, "float32") / self.half_cycle_steps
        distance = ops.abs(position - 2 * ops.floor(position / 2) - 1)
        return self.low + (self.high - self.low) * (1 - distance)

    def get_config(self) -> dict[str, float]:
        """Give the arguments of the constructor."""
        return {"low": self.low, "high": self.high, "half_cycle_steps": self.half_cycle_steps}


def build(params: Training, learning_rate: float, epochs: int, steps: int) -> Any:
    """Make the schedule that `training.schedule` names.

    Args:
        params: The training section.
        learning_rate: The highest of the phase.
        epochs: Length of the phase.
        steps: Batches an epoch.

    Returns:
        A number for `constant` and for `reduce_on_plateau`, which is set from epoch to epoch (see
        `curve.plateau_rate`); else a Keras schedule. `cosine` ends at zero (Loshchilov and Hutter 2017,
        arXiv:1608.03983), `exponential` at `lowest_rate_fraction` of where it began, `cyclical` moves
        between the two in cycles of `cycle_epochs`.
    """
    lowest = params.lowest_rate_fraction
    match params.schedule:
        case "cosine":
            return keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps)
        case "exponential":
            return keras.optimizers.schedules.ExponentialDecay(learning_rate, epochs * steps, lowest)
        case "cyclical":
            half = max(1, params.cycle_epochs * steps // 2)
            return Triangular(learning_rate * lowest, learning_rate, half)
        case _:
            return learning_rate
