"""The plots folder of a training run, as file names and contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from scanops.evaluation import plots
from scanops.imaging import Pixels

SHOWN = ("epoch", "loss", "val_loss", "accuracy", "val_accuracy")
PICTURES = 16


def render(
    curve: Sequence[Mapping[str, float]], images: Pixels, targets: Sequence[int], classes: Sequence[str]
) -> dict[str, bytes]:
    """Draw the learning curves and some images as the network sees them.

    Args:
        curve: One row an epoch, with at least the columns of `SHOWN`.
        images: uint8 [N, S, S, 3], augmented.
        targets: Index of each image's class.
        classes: Names, in order.

    Returns:
        Contents a file name.
    """
    shown = [{name: point[name] for name in SHOWN} for point in curve]
    titles = [classes[target] for target in targets[:PICTURES]]
    return {
        "learning_curves.csv": pd.DataFrame(list(curve)).to_csv(index=False).encode(),
        "learning_curves.png": plots.learning_curves(shown),
        "augmented.png": plots.sample_grid(
            list(images[:PICTURES]), titles, heading="Augmented training images"
        ),
    }
