"""Each schedule gives the learning rates that its source describes."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from scanops.model_rules import Training
from scanops.training import optimisers, schedules

pytestmark = pytest.mark.tensorflow
BASE = Training(architecture="cnn_small", lowest_rate_fraction=0.1, cycle_epochs=4)


def _rates(schedule: str, epochs: int = 8, steps: int = 5) -> np.ndarray:
    rate = schedules.build(BASE.model_copy(update={"schedule": schedule}), 0.2, epochs, steps)
    return np.array([float(rate(step)) for step in range(epochs * steps + 1)])


def test_cosine_ends_at_zero() -> None:
    """Half a cosine from the rate to zero."""
    expected = 0.1 * (1 + np.cos(np.pi * np.arange(41) / 40))
    np.testing.assert_allclose(_rates("cosine"), expected, atol=1e-7)


def test_exponential_ends_at_its_share() -> None:
    """The same factor from step to step, down to the named share."""
    rates = _rates("exponential")
    np.testing.assert_allclose(rates, 0.2 * 0.1 ** (np.arange(41) / 40), rtol=1e-5)


def test_cyclical_is_a_triangle() -> None:
    """From the named share up to the rate and down again in each cycle of four epochs (20 steps)."""
    rates = _rates("cyclical")
    np.testing.assert_allclose(rates[[0, 5, 10, 15, 20, 30, 40]], [0.02, 0.11, 0.2, 0.11, 0.02, 0.2, 0.02])
    np.testing.assert_allclose(np.abs(np.diff(rates)), 0.018, rtol=1e-4)


@pytest.mark.parametrize("name", ["constant", "reduce_on_plateau"])
def test_some_stay(name: str) -> None:
    """A rate that is set from outside, or never changes, is a number that can be set."""
    params = BASE.model_copy(update={"schedule": name})
    optimiser = optimisers.build(params, schedules.build(params, 0.2, 8, 5))
    optimiser.learning_rate = 0.05
    assert float(optimiser.learning_rate) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", "Adam"), ("adamw", "AdamW"), ("sgd", "SGD"), ("adamax", "Adamax")]
)
def test_optimisers_by_name(name: str, kind: str) -> None:
    """A name gives its optimiser with its own knobs."""
    params = BASE.model_copy(update={"optimiser": name, "momentum": 0.7, "weight_decay": 0.03})
    config = optimisers.build(params, 0.1).get_config()
    assert type(optimisers.build(params, 0.1)).__name__ == kind
    assert config.get("momentum", 0.7) == 0.7
    assert config["weight_decay"] == (0.03 if name == "adamw" else None)


def test_decay_spares_biases() -> None:
    """With nothing to learn, AdamW shrinks kernels, and leaves biases and normalisation as they are."""
    image = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(2, 3, bias_initializer="ones")(image)
    model = keras.Model(image, keras.layers.BatchNormalization()(x))
    optimiser = optimisers.build(BASE.model_copy(update={"optimiser": "adamw", "weight_decay": 0.5}), 0.1)
    before = {weight.path: weight.numpy() for weight in model.trainable_weights}
    optimiser.apply(
        [keras.ops.zeros_like(weight) for weight in model.trainable_weights], model.trainable_weights
    )
    changed = {
        weight.path for weight in model.trainable_weights if (weight.numpy() != before[weight.path]).any()
    }
    assert {path.rsplit("/", 1)[-1] for path in changed} == {"kernel"}
