"""Figures for people: PNG bytes that are the same for the same values.

Nothing here touches pyplot's global state or the reader's own matplotlib settings, and the files
carry no date and no version.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scanops.evaluation.metrics import Floats
from scanops.imaging import Pixels

# Okabe and Ito's palette, told apart with any common colour blindness (Wong 2011, Nature Methods 8:441).
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#6E6E6E"
PALETTE = (BLUE, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", ORANGE, "#000000")
DASHES = ("-", "--", "-.", ":")
DPI = 120
MAX_TITLE = 34


def confusion_matrix(counts: Floats, classes: Sequence[str]) -> bytes:
    """Draw counts, coloured by the share of each actual class.

    Args:
        counts: float64 [K, K] from `metrics.confusion`.
        classes: K names.

    Returns:
        A PNG.
    """
    side = 2.6 + 0.85 * len(classes)
    with _figure(side + 0.8, side) as figure:
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
        places, names = range(len(classes)), [_short(name) for name in classes]
        axes.set_xticks(places, names, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_yticks(places, names)
        axes.set(xlabel="Predicted class", ylabel="Actual class", title="Confusion matrix (test split)")
        figure.colorbar(shown, ax=axes, label="Share of the actual class", shrink=0.8)
        return _png(figure)


def roc(points: pd.DataFrame, areas: Mapping[str, float]) -> bytes:
    """Draw each class's ROC curve against the rest.

    Args:
        points: Columns class, fpr, tpr from `curves.roc`.
        areas: AUROC a class.

    Returns:
        A PNG.
    """
    with _figure(6.4, 5.6) as figure:
        axes = figure.subplots()
        for index, (name, curve) in enumerate(points.groupby("class", sort=False)):
            axes.plot(
                curve["fpr"],
                curve["tpr"],
                color=PALETTE[index % len(PALETTE)],
                linestyle=DASHES[index % len(DASHES)],
                linewidth=2,
                label=f"{_short(str(name))} (AUROC {areas[str(name)]:.3f})",
                clip_on=False,
            )
        axes.plot(
            [0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (1, 3)), label="chance (AUROC 0.500)"
        )
        axes.set(xlim=(0, 1), ylim=(0, 1.005), aspect="equal")
        axes.set(
            xlabel="False positive rate", ylabel="True positive rate", title="One class against the rest"
        )
        axes.grid(alpha=0.25)
        axes.legend(loc="lower right", frameon=True)
        return _png(figure)


def reliability(bins: pd.DataFrame, error: float) -> bytes:
    """Draw accuracy against confidence, over a histogram of confidence.

    Args:
        bins: Columns low, high, confidence, accuracy, count from `curves.reliability`.
        error: The expected calibration error.

    Returns:
        A PNG.
    """
    with _figure(5.8, 6.6) as figure:
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
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="Accuracy", title=f"Reliability (ECE {error:.3f})")
        upper.legend(loc="upper left")
        lower.bar(bins["low"], bins["count"], widths, align="edge", color=GREY, edgecolor="white")
        lower.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        lower.set(xlabel="Confidence in the predicted class", ylabel="Images")
        return _png(figure)


def sample_grid(
    images: Sequence[Pixels], titles: Sequence[str], marked: Sequence[bool] = (), heading: str = ""
) -> bytes:
    """Draw a grid of images with a title each.

    Args:
        images: uint8 [H, W, 3] each.
        titles: One an image; lines are cut at 34 characters.
        marked: Whether to frame an image and colour its title, as for a mistake; empty marks none.
        heading: Printed above the grid.

    Returns:
        A PNG.
    """
    columns = min(4, max(1, len(images)))
    rows = max(1, -(-len(images) // columns))
    with _figure(2.6 * columns, 3.1 * rows + 0.5) as figure:
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for index, (image, title) in enumerate(zip(images, titles, strict=True)):
            _draw_sample(grid.flat[index], image, title, mark=bool(marked) and marked[index])
        if heading:
            figure.suptitle(heading)
        return _png(figure)


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
    with _figure(5.2 * max(1, len(names)), 4.2) as figure:
        for axes, name in zip(
            figure.subplots(1, max(1, len(names)), squeeze=False).flat, names, strict=False
        ):
            axes.plot(epochs, table[name], "o-", color=BLUE, markersize=3, label="training")
            if f"val_{name}" in table:
                axes.plot(epochs, table[f"val_{name}"], "s--", color=ORANGE, markersize=3, label="validation")
            axes.set(xlabel="Epoch", ylabel=name.replace("_", " "))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.25)
            if f"val_{name}" in table:
                axes.legend()
        return _png(figure)


def _draw_sample(axes: Axes, image: Pixels, title: str, *, mark: bool) -> None:
    axes.imshow(image)
    axes.set_title(
        "\n".join(_short(line) for line in title.splitlines()), fontsize=8, color=ORANGE if mark else "black"
    )
    if mark:
        axes.set_axis_on()
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=ORANGE, linewidth=3)


@contextlib.contextmanager
def _figure(width_in: float, height_in: float) -> Iterator[Figure]:
    # A class name may hold a dollar sign, which is no formula here.
    with mpl.style.context(["default", {"text.parse_math": False, "font.size": 10}]):
        yield Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _short(text: str) -> str:
    return text if len(text) <= MAX_TITLE else text[: MAX_TITLE - 1] + "…"
