"""Small trunks that are trained from scratch."""

from __future__ import annotations

import keras
from keras import layers

Shape = tuple[int, int, int]


def cnn_small(input_shape: Shape) -> keras.Model:
    """Alternate 3 × 3 convolutions with max-pooling, four times.

    Args:
        input_shape: Height, width, channels.

    Returns:
        A model from normalised images to a map of 128 features and a sixteenth of the side.
    """
    image = x = keras.Input(input_shape)
    for block, filters in enumerate((16, 32, 64, 128), start=1):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"block{block}_conv")(x)
        x = _settle(x, f"block{block}")
        x = layers.MaxPooling2D(name=f"block{block}_pool")(x)
    return keras.Model(image, x)


def cnn_scratch(input_shape: Shape) -> keras.Model:
    """One block: a 3 × 3 convolution and max-pooling.

    Args:
        input_shape: Height, width, channels.

    Returns:
        A model from normalised images to a map of 32 features and a quarter of the side.
    """
    image = keras.Input(input_shape)
    x = layers.Conv2D(32, 3, padding="same", use_bias=False, name="block1_conv")(image)
    x = layers.MaxPooling2D(4, name="block1_pool")(_settle(x, "block1"))
    return keras.Model(image, x)


def cnn_padded(input_shape: Shape) -> keras.Model:
    """Pad by two, one 7 × 7 convolution, and 4 × 4 max-pooling twice.

    Args:
        input_shape: Height, width, channels.

    Returns:
        A model from normalised images to a map of 32 features and about a sixteenth of the side.
    """
    image = keras.Input(input_shape)
    x = layers.ZeroPadding2D(2, name="pad")(image)
    x = layers.Conv2D(32, 7, use_bias=False, name="block1_conv")(x)
    x = _settle(x, "block1")
    for place in ("first", "second"):
        x = layers.MaxPooling2D(4, name=f"{place}_pool")(x)
    return keras.Model(image, x)


def _settle(x: object, block: str) -> object:
    """Batch normalisation and ReLU; statistics that follow fast, for trainings of a few hundred steps."""
    x = layers.BatchNormalization(momentum=0.9, name=f"{block}_norm")(x)
    return layers.ReLU(name=f"{block}_relu")(x)
