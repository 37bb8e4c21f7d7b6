"""Save a model so that equal weights give equal bytes, and load it again."""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from scanops.atomic import replacing
from scanops.errors import ConfigError

# The first time that a zip entry can hold.
EPOCH = (1980, 1, 1, 0, 0, 0)


def save(model: keras.Model, path: Path) -> None:
    """Write a `.keras` archive without times and addresses.

    Keras notes when it saved, zip when each entry was written: both are set to a constant. Objects that
    are shared by layers are named by their address in memory: they are counted instead.

    Args:
        model: Any Keras model.
        path: The `.keras` file to replace.
    """
    with tempfile.TemporaryDirectory() as folder, replacing(path) as draft:
        saved = Path(folder) / "model.keras"
        model.save(saved)
        with zipfile.ZipFile(saved) as source, zipfile.ZipFile(draft, "w") as target:
            for name in sorted(source.namelist()):
                data = source.read(name)
                if name == "metadata.json":
                    data = json.dumps({**json.loads(data), "date_saved": ""}).encode()
                if name == "config.json":
                    data = _count_shared(data.decode()).encode()
                target.writestr(zipfile.ZipInfo(name, EPOCH), data)


def settle(model: keras.Model, weights: Sequence[Any]) -> None:
    """Leave a model with weights to keep, and nothing else of its training.

    Args:
        model: Loses the state of its optimiser, and any loss or metric that a reader would have to know.
        weights: As `get_weights` gave them.
    """
    model.set_weights(weights)
    model.compile(optimizer="sgd", metrics=[])
    count_draws_from(model, 0)


def count_draws_from(model: keras.Model, step: int) -> None:
    """Have each layer that draws at random do so as in a given step.

    Args:
        model: Its seeds stay as they are.
        step: Counted from 0 over the whole training.
    """
    for variable in model.variables:
        if variable.name == "seed_generator_state":
            variable.assign([variable.numpy()[0], step])


def load(path: Path) -> keras.Model:
    """Read a model for answering.

    Args:
        path: A `.keras` file that `save` wrote.

    Returns:
        The model, not compiled.

    Raises:
        ConfigError: The file is missing or is no model.
    """
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(
            f"model {path}", f"cannot be loaded ({error})", "Make it with `make repro`"
        ) from error


def _count_shared(config: str) -> str:
    numbers: dict[str, int] = {}
    return re.sub(
        r'("shared_object_id": )(\d+)',
        lambda found: f"{found[1]}{numbers.setdefault(found[2], len(numbers))}",
        config,
    )
