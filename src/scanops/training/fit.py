"""Fit a network: warm-up of the head, then everything; the best weights are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import keras
import tensorflow as tf

from scanops.errors import VerdictError
from scanops.model_rules import Training
from scanops.training import archive, classifier, curve, epochs, precision
from scanops.training.checkpoints import Arrays, State
from scanops.training.curve import Epoch
from scanops.training.dataset import Batches
from scanops.training.epochs import Epochs, KerasEpochs, Phase


class Keeper(Protocol):
    """What remembers a training; see `checkpoints.Checkpoint`."""

    def read(self) -> State | None:
        """Read the state after the last whole epoch, if there is one."""

    def write(self, state: State) -> object:
        """Replace the state."""

    def rescue(self, model: keras.Model) -> str:
        """Keep the last good weights, and say where."""


def make_reproducible(seed: int) -> None:
    """Fix every seed and forbid operations whose result depends on scheduling.

    Args:
        seed: For Python, NumPy and TensorFlow.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fit(
    model: keras.Model,
    data: Batches,
    params: Training,
    on_epoch: Callable[[Epoch], None],
    checkpoint: Keeper | None = None,
    computing: Callable[[keras.Model], Epochs] | None = None,
) -> list[Epoch]:
    """Fit a model in place, and leave it with the weights of its best epoch.

    Args:
        model: What `classifier.build` returns.
        data: What to learn from.
        params: The training section.
        on_epoch: Called after each epoch, and first for those that a checkpoint remembers.
        checkpoint: Where to go on from, and what to leave after each epoch; None keeps nothing.
        computing: Makes what computes an epoch of a model; None has Keras' `fit` do it on `data`.

    Returns:
        The learning curves.

    Raises:
        VerdictError: The loss is not a number; it names the place of the last good weights.
        ConfigError: `fine_tune_from` is no layer.
    """
    learner = precision.mixed(model) if params.mixed_precision else model
    work = KerasEpochs(learner, data, params) if computing is None else computing(learner)
    run = _Run(work, params, on_epoch, checkpoint)
    try:
        run.resume()
        for phase in _phases(params):
            run.train(phase)
    except VerdictError as error:
        place = checkpoint.rescue(model) if checkpoint else "No weights were kept"
        raise VerdictError(error.subject, error.fault, f"{error.remedy}. {place}") from error
    archive.settle(model, run.best)
    return run.points


def sentence(points: Sequence[Epoch], params: Training) -> str:
    """Say a training's gist in one line.

    Args:
        points: What `fit` returns.
        params: The training section.

    Returns:
        One line for the terminal.
    """
    best = curve.best(points, params)
    return (
        f"train: {len(points)} epochs, best {best.epoch}: validation accuracy {best.val_accuracy:.3f}, "
        f"balanced {best.val_balanced_accuracy:.3f}"
    )


def _phases(params: Training) -> list[Phase]:
    if not classifier.is_pretrained(params):
        return [Phase("fit", params.epochs, params.learning_rate, None)]
    warmup = Phase("warmup", params.warmup_epochs, params.warmup_learning_rate, classifier.TRUNK)
    rest = Phase("fit", params.epochs, params.fine_tune_learning_rate, params.fine_tune_from)
    return [warmup, rest] if params.warmup_epochs else [rest]


class _Run:
    """A training under way: what it has reached, and how it goes on."""

    def __init__(
        self,
        work: Epochs,
        params: Training,
        on_epoch: Callable[[Epoch], None],
        checkpoint: Keeper | None,
    ) -> None:
        self.points: list[Epoch] = []
        self.best: Arrays = []
        self._work, self._model, self._params = work, work.model, params
        self._on_epoch, self._checkpoint = on_epoch, checkpoint
        self._optimiser: Arrays | None = None  # left by the epoch that a checkpoint remembers

    def resume(self) -> None:
        """Take up what a checkpoint remembers."""
        state = self._checkpoint.read() if self._checkpoint else None
        if state is None:
            return
        self._model.set_weights(state.weights)
        self.points, self.best, self._optimiser = state.curve, state.best, state.optimiser
        for point in self.points:
            self._on_epoch(point)
        print(f"resumed after epoch {len(self.points)}", flush=True)

    def train(self, phase: Phase) -> None:
        """Do what is left of a phase."""
        done = self._of(phase)
        if self.points and (phase.name, self.points[-1].phase) == ("warmup", "fit"):
            return  # it had ended before the interruption
        classifier.freeze(self._model, phase.first_trained)
        if classifier.is_pretrained(self._params):
            _hold_statistics(self._model.get_layer(classifier.TRUNK))
        optimiser = self._work.begin(phase)
        if done and self._optimiser is not None:
            epochs.restore(optimiser, self._optimiser)
        while len(self._of(phase)) < phase.epochs and not curve.is_over(self._of(phase), self._params):
            self._learn(phase, optimiser)

    def _of(self, phase: Phase) -> list[Epoch]:
        return [point for point in self.points if point.phase == phase.name]

    def _learn(self, phase: Phase, optimiser: keras.Optimizer) -> None:
        """Train one epoch, and remember it."""
        index, here = len(self.points), self._of(phase)
        if self._params.schedule == "reduce_on_plateau":
            optimiser.learning_rate = curve.plateau_rate(here, phase.learning_rate, self._params)
        archive.count_draws_from(self._model, index * self._work.steps)
        measured = self._work.compute(index, f"{phase.name} {len(here) + 1}/{phase.epochs}")
        rate = float(optimiser.learning_rate.numpy())
        point = Epoch(index + 1, phase.name, rate, **measured)
        if not point.is_finite():
            fault = f"reached a loss that is not a number in epoch {point.epoch}"
            raise VerdictError("training", fault, "Lower training.learning_rate")
        self._keep(point, optimiser)
        print(_line(point, f"{len(here) + 1}/{phase.epochs}"), flush=True)

    def _keep(self, point: Epoch, optimiser: keras.Optimizer) -> None:
        self.points.append(point)
        weights = self._model.get_weights()
        if curve.best(self.points, self._params) is point:
            self.best = weights
        if self._checkpoint:
            variables = [variable.numpy() for variable in optimiser.variables]
            self._checkpoint.write(State(self.points, weights, variables, self.best))
        self._on_epoch(point)


def _hold_statistics(trunk: keras.Model) -> None:
    """Keep batch normalisation in inference mode, which `fit` leaves however a layer was called.

    Keras' `fit` calls the model with `training=True`, and that reaches the layers of a trunk that was joined
    with `training=False` (keras-team/keras, issue 20285); a layer that is not trained heeds neither.
    """
    for layer in trunk.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
        if isinstance(layer, keras.Model):
            _hold_statistics(layer)


def _line(point: Epoch, place: str) -> str:
    return (
        f"{point.phase} {place}: loss {point.loss:.4f}, validation {point.val_loss:.4f}; balanced accuracy "
        f"{point.balanced_accuracy:.3f}, validation {point.val_balanced_accuracy:.3f}; "
        f"rate {point.learning_rate:.2g}"
    )
