"""Other ways to divide a set than the pipeline's: as is done elsewhere, and in folds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from scanops.data import manifest, splits

FOLDS = 5


def carelessly(table: pd.DataFrame, seed: int = 7) -> pd.DataFrame:
    """Split as is done elsewhere: every file for itself, copies wherever they fall.

    Args:
        table: A manifest.
        seed: Draws validation images, and test images where the data came without a split.

    Returns:
        What `splits.divide` would, with a group a file.
    """
    usable = manifest.usable(table).sort_values("path", ignore_index=True)
    drawn = np.random.default_rng(seed).random(len(usable))
    supplied = usable["supplied_split"].eq("test").to_numpy()
    tested = supplied if supplied.any() else drawn > 0.8
    usable["split"] = np.where(tested, "test", np.where(drawn < 0.2, "val", "train"))
    usable["group"] = usable["image_id"]
    usable["representative"], usable["group_keys"] = True, 1
    return usable[list(splits.SCHEMA.names)]


def in_folds(divided: pd.DataFrame, turn: int, seed: int = 7) -> pd.DataFrame:
    """Split by content again, so that in five turns each group is in the test part once.

    Args:
        divided: What `splits.divide` returned.
        turn: Which fold is tested, from 0 to `FOLDS` - 1; the next one validates, the others train.
        seed: Draws the folds.

    Returns:
        The same images with other parts; classes are spread over the folds, and no group is divided.
    """
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    member = np.empty(len(divided), np.int64)
    for number, (_, chosen) in enumerate(folds.split(divided, divided["label"], divided["group"])):
        member[chosen] = (number - turn) % FOLDS
    names = np.where(member == 0, "test", np.where(member == 1, "val", "train"))
    return divided.assign(split=names)
