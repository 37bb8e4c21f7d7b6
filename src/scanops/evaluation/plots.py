"""Figures for people, as PNG bytes; see `canvas`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from scanops.evaluation.canvas import BARE, BLUE, DASHES, GREY, ORANGE, PALETTE, blank, png, short
from scanops.evaluation.metrics import Floats
from scanops.imaging import Pixels


def confusion_matrix(counts: Floats, classes: Sequence[str]) -> bytes:
    """Draw counts, coloured by the share of each actual class.

    Args:
        counts: float64 [K, K] from `metrics.confusion`.
        classes: K names.

    Returns:
        A PNG.
    """
    side = 2.6 + 0.85 * len(classes)
    with blank(side + 0.8, side) as figure:
        axes = figure.subplots()
        totals = counts.sum(axis=1, keepdims=True)
        shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
        shown = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            axes.text(
                column,
                row,
                f"{counts[row, column]:.0f}\n{share:.0%}",
                ha="center",
                va="center",
                color="white" if share < 0.5 else "black",
            )
        places, names = range(len(classes)), [short(name) for name in classes]
        axes.set_xticks(places, names, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_yticks(places, names)
        axes.set(xlabel="Predicted class", ylabel="Actual class", title="Confusion matrix (test split)")
        figure.colorbar(shown, ax=axes, label="Share of the actual class", shrink=0.8)
        return png(figure)


def roc(points: pd.DataFrame, areas: Mapping[str, float]) -> bytes:
    """Draw each class's ROC curve against the rest.

    Args:
        points: Columns class, fpr, tpr from `curves.roc`.
        areas: AUROC a class.

    Returns:
        A PNG.
    """
    with blank(6.4, 5.6) as figure:
        axes = figure.subplots()
        _class_curves(
            axes, points, ("fpr", "tpr"), {name: f"AUROC {area:.3f}" for name, area in areas.items()}
        )
        axes.plot(
            [0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (1, 3)), label="chance (AUROC 0.500)"
        )
        axes.set(
            xlabel="False positive rate", ylabel="True positive rate", title="One class against the rest"
        )
        axes.legend(loc="lower right", frameon=True)
        return png(figure)


def precision_recall(points: pd.DataFrame, areas: Mapping[str, float]) -> bytes:
    """Draw each class's precision over its recall.

    Args:
        points: Columns class, recall, precision from `curves.precision_recall`.
        areas: Average precision a class.

    Returns:
        A PNG.
    """
    with blank(6.4, 5.6) as figure:
        axes = figure.subplots()
        notes = {name: f"average {area:.3f}" for name, area in areas.items()}
        _class_curves(axes, points, ("recall", "precision"), notes)
        axes.set(xlabel="Recall", ylabel="Precision", title="One class against the rest")
        if len(points):
            axes.legend(loc="lower left", frameon=True)
        return png(figure)


def reliability(bins: pd.DataFrame, error: float, before: float) -> bytes:
    """Draw accuracy against confidence, over a histogram of confidence.

    Args:
        bins: Columns low, high, confidence, accuracy, count from `curves.reliability`.
        error: The expected calibration error.
        before: The same of the graph's own probabilities.

    Returns:
        A PNG.
    """
    with blank(5.8, 6.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        widths = bins["high"] - bins["low"]
        upper.bar(
            bins["low"],
            bins["accuracy"],
            widths,
            align="edge",
            color=BLUE,
            edgecolor="white",
            label="accuracy",
        )
        upper.plot(bins["confidence"], bins["confidence"], "o", color=ORANGE, label="mean confidence")
        upper.vlines(bins["confidence"], bins["accuracy"], bins["confidence"], color=ORANGE, linewidth=1.5)
        upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="perfectly calibrated")
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="Accuracy")
        upper.set_title(f"Reliability (ECE {error:.3f}; before calibration {before:.3f})")
        upper.legend(loc="upper left")
        lower.bar(bins["low"], bins["count"], widths, align="edge", color=GREY, edgecolor="white")
        lower.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        lower.set(xlabel="Confidence in the predicted class", ylabel="Images")
        return png(figure)


def sample_grid(
    images: Sequence[Pixels],
    titles: Sequence[str],
    marked: Sequence[bool] = (),
    heading: str = "",
    columns: int = 4,
) -> bytes:
    """Draw a grid of images with a title each.

    Args:
        images: uint8 [H, W, 3] each.
        titles: One an image; lines are cut at 34 characters.
        marked: Whether to frame an image and colour its title, as for a mistake; empty marks none.
        heading: Printed above the grid.
        columns: Images a row at most.

    Returns:
        A PNG.
    """
    columns = min(columns, max(1, len(images)))
    rows = max(1, -(-len(images) // columns))
    with blank(2.6 * columns, 3.1 * rows + 0.5) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, subplot_kw=BARE)
        for axes in grid.flat:
            axes.set_axis_off()
        for index, (image, title) in enumerate(zip(images, titles, strict=True)):
            _draw_sample(grid.flat[index], image, title, mark=bool(marked) and marked[index])
        if heading:
            figure.suptitle(heading)
        return png(figure)


def learning_curves(history: Sequence[Mapping[str, float]]) -> bytes:
    """Draw each quantity of training over the epochs, with its validation twin.

    Args:
        history: One row an epoch, in order: `loss`, `val_loss`, … and optionally `epoch`.

    Returns:
        A PNG.
    """
    table = pd.DataFrame(list(history))
    epochs = table["epoch"] if "epoch" in table else pd.Series(range(1, len(table) + 1))
    names = [name for name in table.columns if name != "epoch" and not name.startswith("val_")]
    columns = min(2, max(1, len(names)))
    rows = max(1, -(-len(names) // columns))
    with blank(5.2 * columns, 3.8 * rows) as figure:
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(names) :]:
            axes.set_axis_off()
        for axes, name in zip(grid.flat, names, strict=False):
            axes.plot(epochs, table[name], "o-", color=BLUE, markersize=3, label="training")
            if f"val_{name}" in table:
                axes.plot(epochs, table[f"val_{name}"], "s--", color=ORANGE, markersize=3, label="validation")
            axes.set(xlabel="Epoch", ylabel=name.replace("_", " "))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.25)
            if f"val_{name}" in table:
                axes.legend()
        return png(figure)


def _class_curves(axes: Axes, points: pd.DataFrame, ends: tuple[str, str], notes: Mapping[str, str]) -> None:
    for index, (name, curve) in enumerate(points.groupby("class", sort=False)):
        axes.plot(
            curve[ends[0]],
            curve[ends[1]],
            color=PALETTE[index % len(PALETTE)],
            linestyle=DASHES[index % len(DASHES)],
            linewidth=2,
            label=f"{short(str(name))} ({notes[str(name)]})",
            clip_on=False,
        )
    axes.set(xlim=(0, 1), ylim=(0, 1.005), aspect="equal")
    axes.grid(alpha=0.25)


def _draw_sample(axes: Axes, image: Pixels, title: str, *, mark: bool) -> None:
    axes.imshow(image)
    axes.set_title(
        "\n".join(short(line) for line in title.splitlines()), fontsize=8, color=ORANGE if mark else "black"
    )
    if mark:
        axes.set_axis_on()
        for spine in axes.spines.values():
            spine.set(color=ORANGE, linewidth=3)
