"""A folder in which the stage `train` runs in seconds: plain pictures, their splits, a tiny backbone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from PIL import Image

BRIGHTEST = {"dark": 60, "light": 90}


def write_pictures(folder: Path, parts: Iterable[tuple[str, str]]) -> None:
    """Draw pictures of two classes that differ in brightness, and say which part each is in.

    Args:
        folder: Gets `raw/` and `splits.parquet`.
        parts: Class (`dark` or `light`) and part of each picture.
    """
    rng, rows = np.random.default_rng(3), []
    for number, (label, part) in enumerate(parts):
        path = folder / "raw" / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, BRIGHTEST[label], (40, 40), np.uint8)).save(path)
        rows.append((f"{label}/{number}.png", label, part, True))
    frame = pd.DataFrame(rows, columns=["path", "label", "split", "representative"])
    frame.to_parquet(folder / "splits.parquet", index=False)


def write_backbone(folder: Path, *, normalised: bool) -> None:
    """Save a trunk of two convolutions that nobody trained.

    Args:
        folder: Gets `backbone.keras`.
        normalised: With batch normalisation between the two.
    """
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(image)
    x = keras.layers.BatchNormalization()(x) if normalised else x
    trunk = keras.Model(image, keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x))
    trunk.save(folder / "backbone.keras")
