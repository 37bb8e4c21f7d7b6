"""Which images stand for a class in a picture."""

from __future__ import annotations

import pandas as pd

A_CLASS = 4


def choose(manifest: pd.DataFrame, a_class: int = A_CLASS) -> pd.DataFrame:
    """Choose a few usable images of each class: at random, but always the same.

    Args:
        manifest: What `data.survey.survey` returns.
        a_class: How many of each class at most.

    Returns:
        Up to `a_class` rows a class, by class. An image's id is a hash, so its order is arbitrary.
    """
    usable = manifest[~manifest["quarantined"]]
    return usable.sort_values(["label", "image_id"]).groupby("label").head(a_class)
