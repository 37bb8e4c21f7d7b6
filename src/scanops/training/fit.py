"""Fit a network: warm-up of the head, then everything; the best weights are kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from scanops.errors import VerdictError
from scanops.model_rules import Training
from scanops.training import architectures
from scanops.training.dataset import Batches


@dataclass(frozen=True)
class Epoch:
    """One point of the learning curves.

    Attributes:
        epoch: Counted from 1, over both phases.
        phase: `warmup` or `fit`.
        learning_rate: Of the optimiser.
        loss: Mean training loss.
        accuracy: Training accuracy, augmentation and dropout included.
        val_loss: Validation loss.
        val_accuracy: Validation accuracy.
    """

    epoch: int
    phase: str
    learning_rate: float
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float

    def curves(self) -> dict[str, float]:
        """Give the measured values by name.

        Returns:
            Everything but the epoch and the phase.
        """
        return {name: value for name, value in asdict(self).items() if name not in ("epoch", "phase")}


def make_reproducible(seed: int) -> None:
    """Fix every seed and forbid operations whose result depends on scheduling.

    Args:
        seed: For Python, NumPy and TensorFlow.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fit(
    model: keras.Model, data: Batches, params: Training, on_epoch: Callable[[Epoch], None]
) -> list[Epoch]:
    """Fit a model in place, and leave it with the weights of its best validation loss.

    Args:
        model: What `architectures.build` returns.
        data: What to learn from.
        params: The training section.
        on_epoch: Called after each epoch.

    Returns:
        The learning curves.

    Raises:
        VerdictError: The loss is not a number.
        ConfigError: `fine_tune_from` is no layer.
    """
    best = _Best(on_epoch)
    if architectures.is_pretrained(params) and params.warmup_epochs:
        architectures.freeze(model, architectures.TRUNK)
        best.begin("warmup")
        _run(model, data, best, params.warmup_epochs, params.warmup_learning_rate, params)
    rate = params.learning_rate
    if architectures.is_pretrained(params):
        architectures.freeze(model, params.fine_tune_from)
        rate = params.fine_tune_learning_rate
    best.begin("fit")
    _run(model, data, best, params.epochs, rate, params)
    model.set_weights(best.weights)
    return best.curve


def sentence(curve: list[Epoch]) -> str:
    """Say a training's gist in one line.

    Args:
        curve: What `fit` returns.

    Returns:
        One line for the terminal.
    """
    best = min(curve, key=lambda point: point.val_loss)
    return f"train: {len(curve)} epochs, best {best.epoch}: validation accuracy {best.val_accuracy:.3f}"


class _Best(keras.callbacks.Callback):
    """Keeps the weights of the lowest validation loss over both phases, and the curve."""

    def __init__(self, on_epoch: Callable[[Epoch], None]) -> None:
        super().__init__()
        self.curve: list[Epoch] = []
        self.weights: list[Any] = []
        self._lowest = float("inf")
        self._phase = ""
        self._on_epoch = on_epoch

    def begin(self, phase: str) -> None:
        self._phase = phase

    def on_epoch_end(self, _epoch: int, logs: dict[str, float] | None = None) -> None:
        seen = logs or {}
        if not np.isfinite([seen["loss"], seen["val_loss"]]).all():
            raise VerdictError(
                "training", "reached a loss that is not a number", "Lower training.learning_rate"
            )
        rate = float(self.model.optimizer.learning_rate)
        measured = (seen[name] for name in ("loss", "accuracy", "val_loss", "val_accuracy"))
        point = Epoch(len(self.curve) + 1, self._phase, rate, *(float(value) for value in measured))
        self.curve.append(point)
        if point.val_loss < self._lowest:
            self._lowest, self.weights = point.val_loss, self.model.get_weights()
        self._on_epoch(point)


def _run(
    model: keras.Model, data: Batches, best: _Best, epochs: int, learning_rate: float, params: Training
) -> None:
    rate: Any = learning_rate
    if params.schedule == "cosine":
        steps = epochs * int(data.train.cardinality())
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
    )
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=params.early_stopping_patience)
    model.fit(
        data.train,
        validation_data=data.val,
        epochs=epochs,
        class_weight=data.class_weight,
        callbacks=[best, stop],
        shuffle=False,  # the batches come shuffled
        verbose="auto" if sys.stdout.isatty() else 2,
    )
