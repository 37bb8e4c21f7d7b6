"""The plots folder of a training run, as file names and contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from scanops.evaluation import plots
from scanops.imaging import Pixels

SHOWN = (
    *("epoch", "loss", "val_loss", "accuracy", "val_accuracy"),
    *("balanced_accuracy", "val_balanced_accuracy", "learning_rate"),
)
# Rows of the picture of examples: a set may have more classes than a page.
MAX_CLASSES = 12


def render(
    curve: Sequence[Mapping[str, float]], examples: Mapping[int, Pixels], classes: Sequence[str]
) -> dict[str, bytes]:
    """Draw the learning curves, and what augmentation does to an image of each class.

    Args:
        curve: One row an epoch, with at least the columns of `SHOWN`.
        examples: uint8 [V, S, S, 3] by index of the class: an image, then V - 1 augmented versions.
        classes: Names, in order.

    Returns:
        Contents a file name.
    """
    shown = [{name: point[name] for name in SHOWN} for point in curve]
    return {
        "learning_curves.csv": pd.DataFrame(list(curve)).to_csv(index=False).encode(),
        "learning_curves.png": plots.learning_curves(shown),
        "augmented.png": _versions(examples, classes),
    }


def _versions(examples: Mapping[int, Pixels], classes: Sequence[str]) -> bytes:
    shown = sorted(examples)[:MAX_CLASSES]
    versions = max(len(examples[target]) for target in shown)
    titles = [title for target in shown for title in [classes[target], *[""] * (versions - 1)]]
    pictures = [picture for target in shown for picture in examples[target]]
    heading = "Training images: at the left as they are, then as the network sees them"
    return plots.sample_grid(pictures, titles, heading=heading, columns=versions)
