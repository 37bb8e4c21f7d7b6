"""Trunks with their weights: drawn, fetched by Keras, or from a file."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import h5py
import keras

from scanops.digest import hash_file
from scanops.errors import ConfigError, OutsideError
from scanops.model_rules import Training
from scanops.training.architectures import CATALOGUE, Architecture

# What Keras raises on a file that is damaged, is no model, or takes another input.
LOADING_FAULTS = (ValueError, OSError, TypeError, KeyError, AttributeError, zipfile.BadZipFile)
MOMENTUM = 0.9  # of batch normalisation that learns from nothing
REMEDY = "Set training.weights to a .keras or .h5 file whose output is a feature map"


def build(params: Training, size_px: int) -> keras.Model:
    """Make a trunk with the weights that it starts from.

    Args:
        params: The training section.
        size_px: Side of the input.

    Returns:
        A model from normalised images float32 [N, size_px, size_px, 3] to a feature map.

    Raises:
        ConfigError: The weights are not what they should be.
        OutsideError: Published weights cannot be fetched.
    """
    entry = CATALOGUE[params.architecture]
    if params.weights == "none":
        return _with_short_memory(_drawn(entry, size_px))
    if params.weights == "imagenet":
        return _fetched(entry, params, size_px)
    return _from_file(entry, params, size_px)


def _drawn(entry: Architecture, size_px: int) -> keras.Model:
    assert entry.trunk is not None  # noqa: S101 -- the configuration demands a file for what has none
    shape = (size_px, size_px, 3)
    if entry.published is None:
        return entry.trunk(input_shape=shape)
    return entry.trunk(input_shape=shape, include_top=False, weights=None)


def _with_short_memory(trunk: keras.Model) -> keras.Model:
    """Have batch normalisation follow the weights: a set of scans gives tens of steps an epoch.

    Keras' 0.99 is meant for thousands. Until it has caught up, validation sees a network whose layers are
    scaled by statistics of other weights.
    """
    for layer in trunk.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    return trunk


def _fetched(entry: Architecture, params: Training, size_px: int) -> keras.Model:
    """Leave the fetching, its cache and its checks to Keras."""
    assert entry.trunk is not None  # noqa: S101 -- as above
    assert entry.published is not None  # noqa: S101 -- the configuration refuses imagenet without
    place = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
    file = place / entry.published.file_for(size_px)
    try:
        model = entry.trunk(input_shape=(size_px, size_px, 3), include_top=False, weights="imagenet")
    except Exception as error:  # Keras' downloader raises a bare Exception
        raise OutsideError(
            f"ImageNet weights of {params.architecture}",
            f"cannot be fetched or read ({_gist(error)})",
            f"Put {file.name} into {place} (a damaged one there must go first), or set training.weights to "
            "a .keras or .h5 file",
        ) from error
    if file.is_file():
        _require_hash(file, params)
    elif params.weights_sha256:
        raise ConfigError(
            "training.weights_sha256",
            f"cannot be checked: Keras did not keep {file.name} in {place}",
            "Set KERAS_HOME to a folder that may be written, or name the file in training.weights",
        )
    return model


def _from_file(entry: Architecture, params: Training, size_px: int) -> keras.Model:
    path = Path(params.weights)
    if not path.is_file():
        raise ConfigError(f"training.weights {path}", "is not a file", REMEDY)
    _require_hash(path, params)
    if not _lacks_layers(path):
        return _saved_model(path, size_px)
    if entry.trunk is None:
        remedy = "Name the architecture that they are of in training.architecture"
        raise ConfigError(f"training.weights {path}", "holds weights alone, no layers", remedy)
    model = _drawn(entry, size_px)
    try:
        model.load_weights(path)
    except LOADING_FAULTS as error:
        raise ConfigError(
            f"training.weights {path}",
            f"does not fit {params.architecture} ({_gist(error)})",
            "Give the weights of this architecture without its top (Keras: include_top=False)",
        ) from error
    return model


def _saved_model(path: Path, size_px: int) -> keras.Model:
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        _require_input(path, [tuple(tensor.shape) for tensor in model.inputs], size_px)
        shape = model(keras.Input((size_px, size_px, 3))).shape
    except LOADING_FAULTS as error:
        raise ConfigError(f"training.weights {path}", f"cannot be loaded ({_gist(error)})", REMEDY) from error
    if len(shape) != 4 or 0 in shape:
        raise ConfigError(
            f"training.weights {path}", f"gives {shape} at {size_px} px, not a feature map", REMEDY
        )
    return model


def _require_input(path: Path, shapes: list[tuple[int | None, ...]], size_px: int) -> None:
    if [shape[-1] for shape in shapes] != [3]:
        channels = [shape[-1] for shape in shapes]
        raise ConfigError(f"training.weights {path}", f"takes {channels} channels, not three", REMEDY)
    sides = shapes[0][1:-1]
    if any(side not in (None, size_px) for side in sides):
        raise ConfigError(
            f"training.weights {path}",
            f"takes images of {' × '.join(map(str, sides))} px, not of {size_px}",
            f"Set imaging.size_px to {sides[0]}",
        )


def _require_hash(path: Path, params: Training) -> None:
    if params.weights_sha256 and hash_file(path) != params.weights_sha256:
        remedy = "Fetch the right file, or correct training.weights_sha256"
        raise ConfigError(f"training.weights {path}", "does not match weights_sha256", remedy)


def _lacks_layers(path: Path) -> bool:
    """Tell a file of weights from a saved model: Keras writes a model's layers into `model_config`."""
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        return "model_config" not in file.attrs


def _gist(error: Exception) -> str:
    """Keep the first line of what Keras says; the others repeat the layer's whole configuration."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
