"""The catalogue: every network can be built, takes what it was made for, and survives the way to ONNX."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from scanops import activation_map
from scanops.bundle import export, parity
from scanops.bundle.predictor import Predictor
from scanops.model_rules import SMALLEST_SIDES_PX, Training
from scanops.training import architectures, classifier, fit

pytestmark = pytest.mark.tensorflow
CLASSES = 3
NAMES = [name for name in SMALLEST_SIDES_PX if name != "file"]
APPLICATIONS = [name for name, entry in architectures.CATALOGUE.items() if entry.published]


def _backbone(path: Path) -> Path:
    """A saved trunk with constants in a layer, as Keras' EfficientNets have them."""
    image = keras.Input((None, None, 3))
    x = keras.layers.Normalization(mean=[120.0, 110.0, 100.0], variance=[900.0, 800.0, 700.0])(image)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    keras.Model(image, x).save(path)
    return path


def _images(size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Dark, middle and bright noise."""
    targets = np.arange(12) % CLASSES
    rng = np.random.default_rng(3)
    levels = rng.integers(0, 96, (12, size_px, size_px, 3)) + 80 * targets[:, None, None, None]
    return levels.astype(np.uint8), targets


def _trained(params: Training, size_px: int) -> keras.Model:
    """A network after a few steps, its head scaled to its features: neither as it was drawn, nor sure."""
    fit.make_reproducible(params.seed)
    model = classifier.build(params, CLASSES, size_px)
    for layer in model.get_layer(classifier.TRUNK).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # Of the last batches, not of the last hundred; of one alone they are too narrow for deep
            # networks, and under older ones the signals of ReLU6 die down.
            layer.momentum = 0.0 if "mobilenet" in params.architecture else 0.5
    # Tracing the gradients of a hundred layers takes longer than these steps.
    optimiser = keras.optimizers.SGD(1e-2, global_clipnorm=1.0)  # a step as large in every network
    model.compile(optimiser, "sparse_categorical_crossentropy", run_eagerly=True)
    images, targets = _images(size_px)
    model.fit(images, targets, epochs=3, batch_size=len(images), shuffle=False, verbose=0)
    model(images, training=True)  # statistics that suit the last weights
    _standardise(model, images)
    return model


def _standardise(model: keras.Model, images: np.ndarray) -> None:
    """Give the logits mean 0 and spread 1: a few steps leave some networks all but mute, others too sure."""
    head = model.get_layer(classifier.PROBABILITIES)
    kernel, bias = head.get_weights()
    embedding = keras.Model(model.input, model.get_layer(classifier.EMBEDDING).output)(images).numpy()
    logits = embedding @ kernel + bias
    spread = logits.std(0)
    assert (spread > 0).all()
    head.set_weights([kernel / spread, (bias - logits.mean(0)) / spread])


def test_catalogue_and_configuration_have_the_same_names() -> None:
    """A name that the configuration lets pass can be built."""
    assert list(architectures.CATALOGUE) == list(SMALLEST_SIDES_PX)


@pytest.mark.parametrize("name", [*NAMES, "file"])
def test_bundle_follows_the_trained_network(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each network's graph takes images alone, and gives the trained model's answers and feature maps."""
    # A pass of the converter that fails is to be seen; it need not copy all weights before each, either.
    monkeypatch.setenv("TF2ONNX_CATCH_ERRORS", "FALSE")
    weights = str(_backbone(tmp_path / "backbone.keras")) if name == "file" else "none"
    params = Training(architecture=name, weights=weights, input_scaling="0..255", dropout=0.0)
    size_px = SMALLEST_SIDES_PX[name]
    model = _trained(params, size_px)
    proto = export.convert(model, 17)
    assert [value.name for value in proto.graph.input] == ["image"]
    (tmp_path / "bundle").mkdir()
    export.write(
        tmp_path / "bundle", proto, {**_description(name, size_px), "pooling": export.pooling(model)}
    )
    images, _ = _images(size_px)
    found = parity.compare(model, tmp_path / "bundle", images)
    parity.require(found, 1e-4)
    assert found.probabilities.std(0).max() > 1e-3, "answers that are all the same agree with anything"
    assert found.probabilities.max() < 0.9999, "a saturated softmax agrees with anything"
    answer = Predictor(tmp_path / "bundle").predict(images)
    pool = np.max if architectures.CATALOGUE[name].pooling == "max" else np.mean
    np.testing.assert_allclose(pool(answer.features, (1, 2)), answer.embedding, rtol=1e-3, atol=1e-4)
    head = Predictor(tmp_path / "bundle").head
    assert head is not None
    assert head.pooling == architectures.CATALOGUE[name].pooling
    every = [np.full(len(images), place) for place in range(CLASSES)]
    maps = np.stack([activation_map.contributions(answer.features, head, one) for one in every], 1)
    logits = maps.sum((2, 3)) + head.biases
    softmax = np.exp(logits - logits.max(1, keepdims=True))
    softmax /= softmax.sum(1, keepdims=True)
    np.testing.assert_allclose(softmax, found.probabilities, atol=1e-3)


def _description(name: str, size_px: int) -> dict[str, object]:
    return {
        "classes": ("dark", "light", "middle"),
        "architecture": name,
        "size_px": size_px,
        "fit": "pad",
        "model_sha256": "0" * 64,
        "data_sha256": "0" * 64,
        "params_sha256": "0" * 64,
    }
