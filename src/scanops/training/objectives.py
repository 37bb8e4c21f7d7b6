"""What training lowers, and the balanced accuracy that it is watched by."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy of class indices with smoothed labels (Szegedy et al. 2016, arXiv:1512.00567, section 7).

    Keras smooths labels for one-hot targets alone.

    Args:
        smoothing: Share of a label that is spread over all classes, 0 to 1.
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__(name="smoothed_crossentropy")
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Give the loss of each image.

        Args:
            y_true: int [N] or [N, 1], index of each image's class.
            y_pred: float32 [N, K], probabilities.

        Returns:
            float32 [N].
        """
        targets = ops.one_hot(ops.reshape(ops.cast(y_true, "int32"), (-1,)), y_pred.shape[-1])
        return keras.losses.categorical_crossentropy(targets, y_pred, label_smoothing=self.smoothing)


class BalancedAccuracy(keras.metrics.Metric):
    """Mean of the recalls of the classes that occur: exact, from counts over all batches of an epoch.

    Args:
        classes: How many there are.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(name="balanced_accuracy")
        self.classes = classes
        # Whole numbers: a sum of float32 ones stops growing at 2^24.
        self.seen = self.add_variable((classes,), "zeros", dtype="int64", name="seen")
        self.right = self.add_variable((classes,), "zeros", dtype="int64", name="right")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch.

        Args:
            y_true: int [N] or [N, 1], index of each image's class.
            y_pred: float32 [N, K], probabilities.
            sample_weight: Ignored: the recalls are of images.
        """
        del sample_weight
        targets = ops.reshape(ops.cast(y_true, "int64"), (-1,))
        hits = ops.equal(ops.argmax(y_pred, axis=-1), targets)
        members = ops.one_hot(targets, self.classes, dtype="int64")
        self.seen.assign_add(ops.sum(members, axis=0))
        self.right.assign_add(ops.sum(members * ops.cast(hits, "int64")[:, None], axis=0))

    def result(self) -> Any:
        """Give the mean recall so far, 0 to 1; 0 before the first image."""
        seen = ops.cast(self.seen, "float32")
        recalls = ops.cast(self.right, "float32") / ops.maximum(seen, 1.0)
        return ops.sum(recalls) / ops.maximum(ops.sum(ops.cast(seen > 0, "float32")), 1.0)


def build(classes: int, label_smoothing: float) -> tuple[keras.losses.Loss, list[Any]]:
    """Make what `compile` needs.

    Args:
        classes: How many there are.
        label_smoothing: 0 for none.

    Returns:
        The loss of class indices against probabilities, and the metrics: accuracy, balanced accuracy.
    """
    plain = keras.losses.SparseCategoricalCrossentropy()
    loss = SmoothedCrossentropy(label_smoothing) if label_smoothing else plain
    return loss, ["accuracy", BalancedAccuracy(classes)]
