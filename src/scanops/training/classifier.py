"""From an entry of the catalogue to a classifier: normalisation, trunk, pooling, dropout, dense."""

from __future__ import annotations

import keras
from keras import layers

from scanops.errors import ConfigError
from scanops.model_rules import Training
from scanops.spelling import near
from scanops.training import backbones
from scanops.training.architectures import CATALOGUE
from scanops.training.normalisation import normalise

POOLINGS = {"average": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
TRUNK = "trunk"
# The graph's outputs, by the names of the layers that give them.
FEATURES, EMBEDDING, PROBABILITIES = "features", "embedding", "probabilities"


def is_pretrained(params: Training) -> bool:
    """Tell whether the trunk starts from weights worth keeping at first.

    Args:
        params: The training section.

    Returns:
        True when warm-up of the head should come before fine-tuning.
    """
    return params.weights != "none"


def build(params: Training, classes: int, size_px: int) -> keras.Model:
    """Build a classifier.

    The one dense layer reads pooled features, so that its weights, applied to the feature map at each
    place, give a class-activation map (Zhou et al., 2016, arXiv:1512.04150).

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
        ConfigError: The weights are not what they should be, or `fine_tune_from` is no layer.
        OutsideError: Published weights cannot be fetched.
    """
    entry = CATALOGUE[params.architecture]
    trunk = backbones.build(params, size_px)
    trunk.name = TRUNK
    if params.fine_tune_from is not None:
        _place(trunk, params.fine_tune_from)  # a wrong name is told before the warm-up, not after
    image = keras.Input((size_px, size_px, 3), dtype="uint8", name="image")
    x = normalise(image, entry.scaling or params.input_scaling)
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
    for layer in trunk.layers[: _place(trunk, first_trained)]:
        layer.trainable = False


def _place(trunk: keras.Model, name: str) -> int:
    """Find a layer of the trunk by its name; `TRUNK` is behind the last."""
    names = [layer.name for layer in trunk.layers]
    if name == TRUNK:
        return len(names)
    if name not in names:
        raise ConfigError(
            f"training.fine_tune_from {name}",
            f"is no layer of the trunk{near(name, names)}",
            f"Its last are: {', '.join(names[-12:])}",
        )
    return names.index(name)
