"""How a model does on parts of the test split: a table for `dvc plots`, and a figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from scanops.evaluation.canvas import BLUE, GREY, ORANGE, blank, png, short

COLUMNS = ("slice", "images", "accuracy", "balanced_accuracy", "low", "high")


def table(report: Mapping[str, Any]) -> pd.DataFrame:
    """List the parts of a report.

    Args:
        report: What `report.measure` returns.

    Returns:
        The columns of `COLUMNS`, one row a part; `low` and `high` are of balanced accuracy. A part of
        too few images has no figures.
    """
    rows = []
    for trait, parts in report["slices"].items():
        for name, part in parts.items():
            shown = part.get("balanced_accuracy", {"value": None, "ci95": [None, None]})
            accuracy = part.get("accuracy", {"value": None})["value"]
            label = f"{trait.replace('_', ' ')}: {name}"
            rows.append((label, part["images"], accuracy, shown["value"], *shown["ci95"]))
    numbers = dict.fromkeys(COLUMNS[2:], "float64")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(numbers)


def figure(parts: pd.DataFrame, overall: float | None) -> bytes:
    """Draw each part's balanced accuracy with its interval, beside that of the whole split.

    Args:
        parts: What `table` returns.
        overall: Balanced accuracy of the whole split; None where it is undefined.

    Returns:
        A PNG.
    """
    with blank(7.2, 1.4 + 0.32 * max(1, len(parts))) as drawn:
        axes = drawn.subplots()
        if overall is not None:
            axes.axvline(overall, color=ORANGE, linestyle="--", linewidth=1, label="whole test split")
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
        rows, known = np.arange(len(parts)), parts["balanced_accuracy"].notna().to_numpy()
        axes.plot(parts["balanced_accuracy"], rows, "o", color=BLUE)
        axes.hlines(rows, parts["low"], parts["high"], color=BLUE, linewidth=2)
        for row, (images, enough) in enumerate(zip(parts["images"], known, strict=True)):
            text = f"n = {images}" if enough else f"n = {images}, too few"
            axes.text(1.02, row, text, va="center", color="black" if enough else GREY)
        axes.set(xlim=(0, 1), ylim=(len(parts) - 0.5, -0.5), xlabel="Balanced accuracy (95 % interval)")
        axes.set_yticks(range(len(parts)), [short(name) for name in parts["slice"]])
        axes.grid(alpha=0.25, axis="x")
        return png(drawn)
