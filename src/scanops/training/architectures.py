"""The catalogue of networks: each takes uint8 images and holds its own normalisation."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
from keras import layers

from scanops.digest import hash_file
from scanops.errors import ConfigError, OutsideError
from scanops.model_rules import Training

SCALINGS = {"0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0), "0..255": (1.0, 0.0)}
# What Keras raises on a file that is damaged, is no model, or takes another input.
LOADING_FAULTS = (ValueError, OSError, TypeError, KeyError, AttributeError, zipfile.BadZipFile)
POOLINGS = {"average": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
TRUNK = "trunk"
# The graph's outputs, by the names of the layers that give them.
FEATURES, EMBEDDING, PROBABILITIES = "features", "embedding", "probabilities"


@dataclass(frozen=True)
class Architecture:
    """An entry of the catalogue.

    Attributes:
        size_px: Side of its square input unless `imaging.size_px` says otherwise.
        scaling: Range of values that the trunk expects, a key of `SCALINGS`; None takes
            `training.input_scaling`.
        pooling: How the feature map becomes the embedding: `average`, or `max` for lesions that are
            small beside the map.
        trunk: Makes the layers from normalised image to feature map, from the parameters and the side.
    """

    size_px: int
    scaling: str | None
    pooling: str
    trunk: Callable[[Training, int], keras.Model]


def _cnn_small(_params: Training, size_px: int) -> keras.Model:
    """Four blocks of convolution, batch normalisation and max-pooling, from scratch."""
    image = x = keras.Input((size_px, size_px, 3))
    for filters in (16, 32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D()(x)
    return keras.Model(image, x)


def _mobilenet(params: Training, size_px: int) -> keras.Model:
    """MobileNet 1.0 (Howard et al., 2017, arXiv:1704.04861), or a trunk of it from a file."""
    if params.weights not in ("none", "imagenet"):
        return _from_file(params, size_px)
    weights = None if params.weights == "none" else params.weights
    if size_px < 32:
        raise ConfigError("imaging.size_px", f"is {size_px}, too small for mobilenet", "Set 32 or more")
    try:
        return keras.applications.MobileNet(
            include_top=False, weights=weights, input_shape=(size_px, size_px, 3)
        )
    except Exception as error:  # Keras' downloader raises a bare Exception
        if weights is None:
            raise
        raise OutsideError(
            "ImageNet weights of mobilenet",
            f"cannot be fetched ({error})",
            "Put the file that it names into ~/.keras/models, or set training.weights to a .keras file",
        ) from error


def _from_file(params: Training, size_px: int) -> keras.Model:
    """Any saved Keras model whose output is a feature map."""
    path = Path(params.weights)
    remedy = "Set training.weights to a .keras or .h5 file whose output is a feature map"
    if not path.is_file():
        raise ConfigError(f"training.weights {path}", "is not a file", remedy)
    if params.weights_sha256 and hash_file(path) != params.weights_sha256:
        raise ConfigError(f"training.weights {path}", "does not match weights_sha256", remedy)
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        takes = [tensor.shape[-1] for tensor in model.inputs]
        if takes != [3]:
            raise ConfigError(f"training.weights {path}", f"takes {takes} channels, not three", remedy)
        shape = model(keras.Input((size_px, size_px, 3))).shape
    except LOADING_FAULTS as error:
        raise ConfigError(f"training.weights {path}", f"cannot be loaded ({error})", remedy) from error
    if len(shape) != 4:
        raise ConfigError(f"training.weights {path}", f"gives {shape}, not a feature map", remedy)
    return model


CATALOGUE: dict[str, Architecture] = {
    "cnn_small": Architecture(size_px=96, scaling="-1..1", pooling="max", trunk=_cnn_small),
    "mobilenet": Architecture(size_px=224, scaling="-1..1", pooling="average", trunk=_mobilenet),
    "file": Architecture(size_px=224, scaling=None, pooling="average", trunk=_from_file),
}


def is_pretrained(params: Training) -> bool:
    """Tell whether the trunk starts from weights worth keeping at first.

    Args:
        params: The training section.

    Returns:
        True when warm-up of the head should come before fine-tuning.
    """
    return params.weights != "none"


def input_size_px(params: Training, size_px: int | None) -> int:
    """Choose the side of the input.

    Args:
        params: The training section.
        size_px: `imaging.size_px`; None for the architecture's own.

    Returns:
        Side in pixels.
    """
    return size_px or CATALOGUE[params.architecture].size_px


def build(params: Training, classes: int, size_px: int) -> keras.Model:
    """Build a classifier: normalisation, trunk, pooling, dropout, dense.

    Batch normalisation of a pretrained trunk stays in inference mode, also while its weights are
    fine-tuned: batches of scans would spoil statistics gathered over a million pictures.

    Args:
        params: The training section.
        classes: How many.
        size_px: Side of the input.

    Returns:
        A model from uint8 [N, size_px, size_px, 3] to probabilities float32 [N, classes]. Its layers
        `trunk`, `features`, `embedding` and `probabilities` can be found by these names.

    Raises:
        ConfigError: The weights are not what they should be.
        OutsideError: Published weights cannot be fetched.
    """
    entry = CATALOGUE[params.architecture]
    scale, offset = SCALINGS[entry.scaling or params.input_scaling]
    trunk = entry.trunk(params, size_px)
    trunk.name = TRUNK
    image = keras.Input((size_px, size_px, 3), dtype="uint8", name="image")
    x = layers.Rescaling(scale, offset, name="normalisation")(image)
    x = trunk(x, training=False) if is_pretrained(params) else trunk(x)
    x = layers.Activation("linear", name=FEATURES)(x)
    x = POOLINGS[entry.pooling](name=EMBEDDING)(x)
    x = layers.Dropout(params.dropout, seed=params.seed, name="dropout")(x)
    x = layers.Dense(classes, activation="softmax", name=PROBABILITIES)(x)
    return keras.Model(image, x, name=params.architecture)


def freeze(model: keras.Model, first_trained: str | None) -> None:
    """Choose which layers of the trunk learn.

    Args:
        model: What `build` returns.
        first_trained: Name of the first layer of the trunk that learns; the layers before it stay as
            they are. None lets all learn, `TRUNK` none.

    Raises:
        ConfigError: The trunk has no such layer.
    """
    trunk = model.get_layer(TRUNK)
    trunk.trainable = first_trained != TRUNK
    if first_trained in (None, TRUNK):
        return
    names = [layer.name for layer in trunk.layers]
    if first_trained not in names:
        shown = ", ".join(names[-12:])
        raise ConfigError(
            f"training.fine_tune_from {first_trained}", "is no layer of the trunk", f"Its last are: {shown}"
        )
    for layer in trunk.layers[: names.index(first_trained)]:
        layer.trainable = False
