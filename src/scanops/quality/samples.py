"""Which images stand for a class in a picture."""

from __future__ import annotations

import pandas as pd

A_CLASS = 4


def choose(manifest: pd.DataFrame) -> pd.DataFrame:
    """Choose a few usable images of each class: at random, but always the same.

    Args:
        manifest: What `data.manifest.build` returns.

    Returns:
        Up to `A_CLASS` rows a class, by class. An image's id is a hash, so its order is arbitrary.
    """
    usable = manifest[~manifest["quarantined"]]
    return usable.sort_values(["label", "image_id"]).groupby("label").head(A_CLASS)
