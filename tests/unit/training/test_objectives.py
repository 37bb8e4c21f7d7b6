"""The loss and the metric, beside what NumPy and scikit-learn say."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import recall_score

from scanops.training import objectives

pytestmark = pytest.mark.tensorflow


def _answers(seed: int, images: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, images), rng.dirichlet(np.ones(classes), images).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 6), st.integers(1, 20))
@settings(max_examples=25, deadline=None)
def test_balanced_accuracy_is_exact(seed: int, images: int, classes: int, batch: int) -> None:
    """Over batches of any size it is the mean recall of the classes that occur, whatever the weights."""
    targets, probabilities = _answers(seed, images, classes)
    metric = objectives.BalancedAccuracy(classes)
    for start in range(0, images, batch):
        part = slice(start, start + batch)
        metric.update_state(targets[part], probabilities[part], sample_weight=targets[part] + 1.0)
    present = np.unique(targets)
    expected = recall_score(
        targets, probabilities.argmax(1), labels=present, average="macro", zero_division=0
    )
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0


def test_smoothing_spreads_a_share_of_each_label() -> None:
    """The loss is the cross-entropy with labels of 1 − s + s/K and s/K."""
    targets, probabilities = _answers(1, 12, 4)
    labels = np.eye(4)[targets] * 0.8 + 0.2 / 4
    expected = -(labels * np.log(probabilities)).sum(1).mean()
    loss, _ = objectives.build(4, 0.2)
    assert float(loss(targets, probabilities)) == pytest.approx(expected, rel=1e-5)


def test_no_smoothing_is_the_plain_loss() -> None:
    """Without smoothing the loss is Keras' own, and as good as none is near it."""
    targets, probabilities = _answers(1, 12, 4)
    plain, _ = objectives.build(4, 0.0)
    assert isinstance(plain, keras.losses.SparseCategoricalCrossentropy)
    near = objectives.SmoothedCrossentropy(1e-6)
    assert float(near(targets, probabilities)) == pytest.approx(
        float(plain(targets, probabilities)), rel=1e-4
    )
