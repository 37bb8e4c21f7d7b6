"""How one epoch is computed: by Keras' own `fit`, in this process."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Protocol

import keras
from tqdm import tqdm

from scanops.model_rules import Training
from scanops.training import objectives, optimisers, schedules
from scanops.training.checkpoints import Arrays
from scanops.training.dataset import Batches

MEASURED = ("loss", "accuracy", "balanced_accuracy", "val_loss", "val_accuracy", "val_balanced_accuracy")


@dataclass(frozen=True)
class Phase:
    """A part of a training.

    Attributes:
        name: `warmup` or `fit`.
        epochs: At most so many.
        learning_rate: The highest.
        first_trained: See `classifier.freeze`.
    """

    name: str
    epochs: int
    learning_rate: float
    first_trained: str | None


class Epochs(Protocol):
    """What computes; what is to be computed next, and when it is enough, is `fit`'s to say.

    Attributes:
        model: What learns.
        steps: Batches an epoch.
    """

    model: keras.Model
    steps: int

    def begin(self, phase: Phase) -> keras.Optimizer:
        """Get ready for a phase, after its layers were chosen: a new optimiser, already built."""

    def compute(self, index: int, title: str) -> dict[str, float]:
        """Train an epoch, counted from 0 over all phases; give what was `MEASURED`."""


class KerasEpochs:
    """Epochs by `keras.Model.fit`.

    Args:
        model: What learns.
        data: What to learn from.
        params: The training section.
    """

    def __init__(self, model: keras.Model, data: Batches, params: Training) -> None:
        self.model, self.steps = model, data.steps
        self._data, self._params = data, params

    def begin(self, phase: Phase) -> keras.Optimizer:
        """See `Epochs`."""
        loss, metrics = objectives.build(self.model.output_shape[-1], self._params.label_smoothing)
        rate = schedules.build(self._params, phase.learning_rate, phase.epochs, self.steps)
        optimiser = optimisers.build(self._params, rate)
        self.model.compile(optimiser, loss, metrics=metrics)
        optimiser.build(self.model.trainable_variables)
        return optimiser

    def compute(self, index: int, title: str) -> dict[str, float]:
        """See `Epochs`."""
        logs = self.model.fit(
            self._data.train(index),
            validation_data=self._data.val,
            class_weight=self._data.class_weight,
            callbacks=[_Bar(title, self.steps), keras.callbacks.TerminateOnNaN()],
            shuffle=False,  # the batches come shuffled
            verbose=0,
        ).history
        return {name: float(logs[name][-1]) for name in MEASURED}


def bar(title: str, steps: int) -> tqdm[Any]:
    """Show the batches of an epoch on a terminal."""
    return tqdm(total=steps, desc=title, unit="batch", disable=None, leave=False, file=sys.stderr)


class _Bar(keras.callbacks.Callback):
    def __init__(self, title: str, steps: int) -> None:
        super().__init__()
        self._bar = bar(title, steps)

    def on_train_batch_end(self, _batch: int, *_more: object, **_named: object) -> None:
        self._bar.update()

    def on_train_end(self, *_more: object, **_named: object) -> None:
        self._bar.close()


def restore(optimiser: keras.Optimizer, values: Arrays) -> None:
    """Set the state of an optimiser.

    Args:
        optimiser: Already built.
        values: As its variables were.
    """
    for variable, value in zip(optimiser.variables, values, strict=True):
        variable.assign(value)
