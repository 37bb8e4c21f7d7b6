"""The learning curve, and what it decides: the best epoch, when to stop, when to slow down.

Everything here is a function of the points alone, so that a resumed training decides as one that was
never interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from scanops.model_rules import Training

LABELS = ("epoch", "phase")


@dataclass(frozen=True)
class Epoch:
    """One point of the learning curves.

    Attributes:
        epoch: Counted from 1, over both phases.
        phase: `warmup` or `fit`.
        learning_rate: Of the optimiser, after the epoch's last step.
        loss: Mean training loss, class weights and label smoothing included.
        accuracy: Training accuracy, 0 to 1, augmentation and dropout included.
        balanced_accuracy: The same, as the mean of the classes' recalls.
        val_loss: Validation loss, label smoothing included.
        val_accuracy: Validation accuracy, 0 to 1.
        val_balanced_accuracy: The same, as the mean of the classes' recalls.
    """

    epoch: int
    phase: str
    learning_rate: float
    loss: float
    accuracy: float
    balanced_accuracy: float
    val_loss: float
    val_accuracy: float
    val_balanced_accuracy: float

    def curves(self) -> dict[str, float]:
        """Give the measured values by name.

        Returns:
            Everything but the epoch and the phase.
        """
        return {name: value for name, value in asdict(self).items() if name not in LABELS}

    def is_finite(self) -> bool:
        """Tell whether every measured value is a number."""
        return all(math.isfinite(value) for value in self.curves().values())


def best(points: Sequence[Epoch], params: Training) -> Epoch:
    """Find the epoch whose weights are worth keeping.

    Args:
        points: At least one.
        params: `early_stopping_monitor` says by what: the lowest validation loss, or the highest balanced
            accuracy, of equal ones that with the lower loss.

    Returns:
        The first of the best points.
    """
    return max(points, key=lambda point: _score(point, params))


def is_over(points: Sequence[Epoch], params: Training) -> bool:
    """Tell whether a phase has gone on for too long without a better epoch.

    Args:
        points: Of this phase.
        params: `early_stopping_patience` says how many epochs are too long.

    Returns:
        True when it should stop.
    """
    if not points:
        return False
    return len(points) - 1 - list(points).index(best(points, params)) >= params.early_stopping_patience


def plateau_rate(points: Sequence[Epoch], learning_rate: float, params: Training) -> float:
    """Lower the learning rate each time that epochs go by without a better one.

    Args:
        points: Of this phase, so far.
        learning_rate: Of the phase's first epoch.
        params: `plateau_patience` epochs multiply it by `plateau_factor`, down to `lowest_rate_fraction`
            of where it began.

    Returns:
        The learning rate of the next epoch.
    """
    rate, waited = learning_rate, 0
    for index in range(1, len(points)):
        improved = best(points[: index + 1], params) is points[index]
        waited = 0 if improved else waited + 1
        if waited >= params.plateau_patience:
            rate, waited = rate * params.plateau_factor, 0
    return max(rate, learning_rate * params.lowest_rate_fraction)


def _score(point: Epoch, params: Training) -> tuple[float, ...]:
    if params.early_stopping_monitor == "val_loss":
        return (-point.val_loss,)
    return point.val_balanced_accuracy, -point.val_loss
