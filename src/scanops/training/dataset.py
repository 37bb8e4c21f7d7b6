"""From decoded pictures to batches (tf.data): shuffled, augmented, seeded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from scanops.imaging import Pixels
from scanops.model_rules import Augmentation, Training
from scanops.training.augment import augment


@dataclass(frozen=True)
class Batches:
    """What a model learns from and is chosen by.

    Attributes:
        train: Gives the batches to learn from in an epoch, counted from 0.
        steps: Batches an epoch.
        val: Batches to choose by.
        class_weight: Weight of each class in the training loss, or None.
    """

    train: Callable[[int], tf.data.Dataset]
    steps: int
    val: tf.data.Dataset
    class_weight: dict[int, float] | None


@dataclass(frozen=True)
class Share:
    """One of equal shares of each batch; shares of the same batch differ by one picture at most.

    Attributes:
        place: Counted from 0.
        of: How many there are.
    """

    place: int
    of: int


@dataclass(frozen=True)
class Part:
    """Decoded pictures and their classes.

    Attributes:
        pixels: uint8 [N, S, S, 3].
        targets: int64 [N], index of each picture's class.
    """

    pixels: Pixels
    targets: npt.NDArray[np.int64]


def prepare(
    train: Part, val: Part, params: Training, rules: Augmentation, share: Share | None = None
) -> Batches:
    """Make everything that a fit needs.

    Args:
        train: Pictures to learn from; each class is in it.
        val: Pictures to choose by.
        params: The training section.
        rules: Random changes of the training pictures.
        share: What of each batch to give; None gives it whole.

    Returns:
        The batches and the class weights.
    """
    balanced = params.class_weights == "balanced"
    return Batches(
        lambda epoch: training_batches(train, params.batch_size, params.seed, rules, epoch, share),
        -(-len(train.targets) // params.batch_size),
        ordered_batches(val, params.batch_size, share),
        balanced_weights(train.targets) if balanced else None,
    )


def balanced_weights(targets: npt.NDArray[np.int64]) -> dict[int, float]:
    """Weigh classes so that each adds the same to the loss (scikit-learn's `balanced`).

    Args:
        targets: int64 [N], index of each picture's class.

    Returns:
        N / (classes × N of the class), by class.
    """
    counts = np.bincount(targets)
    return {index: len(targets) / (len(counts) * max(1, int(count))) for index, count in enumerate(counts)}


def training_batches(
    part: Part,
    batch_size: int,
    seed: int,
    rules: Augmentation | None,
    epoch: int = 0,
    share: Share | None = None,
) -> tf.data.Dataset:
    """Make shuffled, augmented batches; another order and other changes in each epoch.

    Order and changes are a function of seed and epoch, so that a training can begin at any epoch.

    Args:
        part: The pictures.
        batch_size: Pictures a batch.
        seed: Fixes order and changes.
        rules: Random changes; None for none.
        epoch: Counted from 0.
        share: What of each batch to give; an image is changed in the same way wherever it goes.

    Returns:
        Batches of (uint8 [B, S, S, 3], int64 [B]); with a share see `ordered_batches`.
    """
    count = len(part.targets)
    steps = -(-count // batch_size)
    order = tf.data.Dataset.from_tensor_slices(np.random.default_rng((seed, epoch)).permutation(count))
    draws = tf.data.Dataset.range(epoch * steps, (epoch + 1) * steps).map(
        lambda step: tf.stack([tf.constant(seed, tf.int64), step])
    )

    def load(indices: Any, seeds: Any) -> Any:
        images, labels, *where = _gather(part, indices, share)
        span = where[0][:2] if where else None
        return (images if rules is None else augment(images, seeds, rules, span)), labels, *where

    batches = tf.data.Dataset.zip(order.batch(batch_size), draws)
    return batches.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)


def ordered_batches(part: Part, batch_size: int, share: Share | None = None) -> tf.data.Dataset:
    """Make batches in the order of the pictures, unchanged.

    Args:
        part: The pictures.
        batch_size: Pictures a batch.
        share: What of each batch to give; None gives it whole.

    Returns:
        Batches of (uint8 [B, S, S, 3], int64 [B]). With a share, b of the B images and targets, and int64
        [3]: the place of the first of them in the batch, B, and whether they count. A share of nothing
        still holds one image, since no layer need bear less; it does not count.
    """
    order = tf.data.Dataset.range(len(part.targets)).batch(batch_size)
    return order.map(lambda indices: _gather(part, indices, share)).prefetch(2)


def _gather(part: Part, indices: Any, share: Share | None) -> Any:
    where = []
    if share is not None:
        whole = tf.size(indices, tf.int64)
        first, end = whole * share.place // share.of, whole * (share.place + 1) // share.of
        indices = indices[first : tf.maximum(end, first + 1)]
        where = [tf.stack([first, whole, tf.cast(end > first, tf.int64)])]
    images = tf.numpy_function(lambda chosen: part.pixels[chosen], [indices], tf.uint8, stateful=False)
    images.set_shape((None, *part.pixels.shape[1:]))
    return images, tf.gather(tf.constant(part.targets), indices), *where
