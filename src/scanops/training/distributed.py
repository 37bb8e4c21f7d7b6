"""How one epoch is computed by several workers: a loop on `strategy.run`, equal to Keras' `fit` on one.

Keras 3's own `fit` refuses `MultiWorkerMirroredStrategy`. Each replica gets its share of every batch, and all
add up their gradients, so that a step is the step of the whole batch: images are changed, features dropped
and batches normalised as on one worker. What differs is the order in which float32 numbers are added.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from scanops.model_rules import Training
from scanops.training import epochs, objectives, optimisers, remake, schedules
from scanops.training.dataset import Batches, Share
from scanops.training.epochs import MEASURED, Phase
from scanops.training.group import Group

# Where the images that the model looks at stand in their batch, see `dataset.ordered_batches`.
_WHERE: ContextVar[Any] = ContextVar("where")


class SharedDropout(keras.layers.Dropout):
    """Dropout that draws for the whole batch, and drops from its share what would be dropped there."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drop in training; see `keras.layers.Dropout`."""
        if not training or not self.rate:
            return inputs
        first, whole = _WHERE.get()[0], _WHERE.get()[1]
        ones = tf.ones(tf.concat([[whole], tf.shape(inputs, tf.int64)[1:]], 0), inputs.dtype)
        ones = tf.ensure_shape(ones, (None, *inputs.shape[1:]))
        mask = keras.random.dropout(ones, self.rate, self.noise_shape, seed=self.seed_generator)
        return inputs * mask[first : first + tf.shape(inputs, tf.int64)[0]]


class SharedEpochs:
    """Epochs by all workers together; every worker calls the same methods at the same time.

    Args:
        model: What learns; it is copied onto each replica.
        group: The workers.
        data: Gives a share of the batches.
        params: The training section.
    """

    def __init__(
        self, model: keras.Model, group: Group, data: Callable[[Share], Batches], params: Training
    ) -> None:
        self._group, self._params = group, params
        self._data = [data(Share(place, group.replicas)) for place in group.own_replicas]
        self.steps = self._data[0].steps
        with group.strategy.scope():
            self.model = remake.copy(model, _shared)
        self._classes = self.model.output_shape[-1]
        self._loss, _ = objectives.build(self._classes, params.label_smoothing)

    def begin(self, phase: Phase) -> keras.Optimizer:
        """See `epochs.Epochs`."""
        with self._group.strategy.scope():
            rate = schedules.build(self._params, phase.learning_rate, phase.epochs, self.steps)
            optimiser = optimisers.build(self._params, rate)
            optimiser.build(self.model.trainable_variables)
        weights = self._data[0].class_weight
        table = tf.constant([weights[i] for i in range(self._classes)] if weights else [1.0] * self._classes)

        def learn(images: Any, targets: Any, where: Any) -> Any:
            with tf.GradientTape() as tape:
                sums, counts = self._look(images, targets, where, table, training=True)
                loss = sums / tf.cast(where[1], tf.float32)
            variables = self.model.trainable_variables
            optimiser.apply(tape.gradient(loss, variables), variables)  # adds up the gradients of all
            return sums, counts

        plain = tf.ones_like(table)

        def judge(images: Any, targets: Any, where: Any) -> Any:
            return self._look(images, targets, where, plain, training=False)

        # Made anew for each phase: which variables learn is part of the graph.
        self._learn, self._judge = self._on_all(learn), self._on_all(judge)
        return optimiser

    def compute(self, index: int, title: str) -> dict[str, float]:
        """See `epochs.Epochs`."""
        with contextlib.closing(epochs.bar(title, self.steps)) as bar:
            seen = self._sweep([batches.train(index) for batches in self._data], self._learn, bar.update)
        seen += self._sweep([batches.val for batches in self._data], self._judge, lambda: None)
        return dict(zip(MEASURED, seen, strict=True))

    def _sweep(
        self, shares: list[tf.data.Dataset], step: Callable[..., Any], on_step: Callable[[], object]
    ) -> list[float]:
        """Go over all batches; give mean loss, accuracy and balanced accuracy over all workers."""
        strategy = self._group.strategy
        found = []
        for elements in zip(*shares, strict=True):
            found.append(step(*self._spread(elements)))
            on_step()
        sums = np.zeros(1 + 2 * self._classes)
        for loss, counts in found:
            sums[0] += sum(np.float64(value) for value in strategy.experimental_local_results(loss))
            sums[1:] += sum(np.asarray(value) for value in strategy.experimental_local_results(counts))
        return _summary(self._group.total(sums), self._classes)

    def _spread(self, elements: Sequence[Any]) -> Any:
        """Give each of this worker's replicas its own.

        Not by a distributed data set, which would ask all workers before each batch whether there is one.
        """
        if len(elements) == 1:
            return elements[0]
        first = self._group.own_replicas.start

        def pick(part: int) -> Any:
            return self._group.strategy.experimental_distribute_values_from_function(
                lambda context: elements[context.replica_id_in_sync_group - first][part]
            )

        return [pick(part) for part in range(len(elements[0]))]

    def _look(self, images: Any, targets: Any, where: Any, table: Any, *, training: bool) -> Any:
        """Give the sum of a share's losses, and of each class how many images there are, and are right."""
        counted = tf.cast(where[2], tf.float32)
        with _standing(where):
            answers = self.model(images, training=training)
        losses = self._loss.call(targets, answers) * tf.gather(table, targets)
        # What layers add of their own, such as a penalty on weights, is counted by one replica's share.
        extra = tf.add_n(self.model.losses) if self.model.losses else tf.constant(0.0)
        share = tf.cast(where[1], tf.float32) / self._group.replicas
        right = tf.equal(tf.argmax(answers, axis=-1), targets)
        members = tf.one_hot(targets, self._classes) * counted
        hits = members * tf.cast(right, tf.float32)[:, None]
        counts = tf.concat([tf.reduce_sum(members, 0), tf.reduce_sum(hits, 0)], 0)
        return tf.reduce_sum(losses) * counted + extra * share, counts

    def _on_all(self, work: Callable[..., Any]) -> Any:
        """Make the graph of a step: one for any length of a share, or one each where there are several."""
        alone = len(self._data) == 1
        signature = self._data[0].val.element_spec if alone else None

        @tf.function(input_signature=signature)
        def step(images: Any, targets: Any, where: Any) -> Any:
            return self._group.strategy.run(work, args=(images, targets, where))

        return step


def _summary(sums: Any, classes: int) -> list[float]:
    seen, right = sums[1 : 1 + classes], sums[1 + classes :]
    recalls = right[seen > 0] / seen[seen > 0]
    return [float(sums[0] / seen.sum()), float(right.sum() / seen.sum()), float(recalls.mean())]


def _shared(layer: Any, _in_trunk: bool) -> Any:
    """Copy a layer, so that it looks at the whole batch where it looks at more than one image."""
    config = layer.get_config()
    if type(layer) is keras.layers.BatchNormalization:
        return type(layer).from_config({**config, "synchronized": True})
    made = SharedDropout if type(layer) is keras.layers.Dropout else type(layer)
    return made.from_config(config)


@contextlib.contextmanager
def _standing(where: Any) -> Iterator[None]:
    token = _WHERE.set(where)
    try:
        yield
    finally:
        _WHERE.reset(token)
