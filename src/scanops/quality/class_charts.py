"""Small charts of one class each: where its sizes lie, and how bright its images are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup

from scanops.quality import svg

Shares = npt.NDArray[np.float64]
MAX_CLASSES = 12
LEVEL_BINS = 32
SIZE_BINS = 28
WIDTH, HEIGHT = 250.0, 140.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 6.0, 8.0, 22.0
SIZE_HEIGHT = TOP + BOTTOM + (WIDTH - LEFT - RIGHT)  # a square plot: width and height on one scale


@dataclass(frozen=True)
class ClassPanels:
    """What is drawn and said of one class.

    Attributes:
        label: The class.
        images: Readable images.
        commonest: The commonest size as `width × height`.
        commonest_share: Its share, in [0, 1].
        sizes: Number of different sizes.
        levels: Lower quartile, median and upper quartile of the mean grey level, each in [0, 255].
        size_chart: SVG.
        level_chart: SVG.
    """

    label: str
    images: int
    commonest: str
    commonest_share: float
    sizes: int
    levels: tuple[float, float, float]
    size_chart: Markup
    level_chart: Markup


def panels(manifest: pd.DataFrame) -> list[ClassPanels]:
    """Draw each class on the same axes, so that a difference between classes meets the eye.

    Args:
        manifest: The manifest; files that could not be read are left out.

    Returns:
        One entry a class by name; of more than `MAX_CLASSES` classes the largest.
    """
    readable = manifest.dropna(subset=["width", "height", "mean", "label"])
    kept = sorted(readable["label"].value_counts(sort=False).sort_index().nlargest(MAX_CLASSES).index)
    groups = {str(name): readable[readable["label"] == name] for name in kept}
    if not groups:
        return []
    side_px = _round_up(max(float(readable["width"].max()), float(readable["height"].max())))
    shares = {name: _level_shares(rows) for name, rows in groups.items()}
    top = max(float(share.max()) for share in shares.values())
    return [_panels(name, rows, side_px, shares[name], top) for name, rows in groups.items()]


def _panels(
    name: str,
    rows: pd.DataFrame,
    side_px: float,
    shares: Shares,
    top: float,
) -> ClassPanels:
    sizes = (
        rows["width"].astype(int).astype(str) + " × " + rows["height"].astype(int).astype(str)
    ).value_counts()
    commonest = min(sizes[sizes == sizes.max()].index)
    low, middle, high = (float(rows["mean"].quantile(part)) for part in (0.25, 0.5, 0.75))
    share = float(sizes.max()) / len(rows)
    return ClassPanels(
        label=name,
        images=len(rows),
        commonest=str(commonest),
        commonest_share=share,
        sizes=len(sizes),
        levels=(low, middle, high),
        size_chart=_size_chart(
            rows,
            side_px,
            f"{name}: {len(sizes)} sizes, {100 * share:.0f} % of the images are {commonest} pixels",
        ),
        level_chart=_level_chart(
            shares,
            top,
            middle,
            f"{name}: median grey level {middle:.0f}, half of them {low:.0f} to {high:.0f}",
        ),
    )


def _size_chart(rows: pd.DataFrame, side_px: float, description: str) -> Markup:
    edges = np.linspace(0, side_px, SIZE_BINS + 1)
    counts, _, _ = np.histogram2d(
        rows["width"].to_numpy(float), rows["height"].to_numpy(float), bins=(edges, edges)
    )
    span = WIDTH - LEFT - RIGHT
    cell = span / SIZE_BINS
    marks = [
        # The area tells the count; the least is still seen.
        svg.element(
            "circle",
            cx=LEFT + (column + 0.5) * cell,
            cy=TOP + span - (row + 0.5) * cell,
            r=max(1.6, 2.2 * cell * float(np.sqrt(count / counts.sum()))),
            class_="mark",
        )
        for (column, row), count in np.ndenumerate(counts)
        if count
    ]
    ticks = [side_px * part for part in (0, 0.5, 1)]
    axes = [svg.line((LEFT, TOP + span), (LEFT + span, TOP), "guide")]
    for tick in ticks:
        place = tick / side_px * span
        axes.append(svg.line((LEFT, TOP + span - place), (LEFT + span, TOP + span - place), "grid"))
        axes.append(svg.line((LEFT + place, TOP), (LEFT + place, TOP + span), "grid"))
        axes.append(svg.label(LEFT + place, TOP + span + 15, f"{tick:.0f}", _anchor(tick, ticks)))
        axes.append(svg.label(LEFT - 6, TOP + span - place + 4, f"{tick:.0f}", "end"))
    return svg.picture(WIDTH, SIZE_HEIGHT, description, *axes, *marks)


def _level_chart(shares: Shares, top: float, median: float, description: str) -> Markup:
    span, rise = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    bar = span / LEVEL_BINS
    base = TOP + rise
    bars = [
        svg.rectangle(LEFT + index * bar, base - share / top * rise, bar - 0.6, share / top * rise, "bar")
        for index, share in enumerate(shares)
        if share
    ]
    ticks = [0.0, 128.0, 256.0]
    axes = [svg.line((LEFT, base), (LEFT + span, base), "axis")]
    axes += [
        svg.label(LEFT + t / 256 * span, base + 15, f"{min(t, 255):.0f}", _anchor(t, ticks)) for t in ticks
    ]
    axes += [svg.line((LEFT, TOP), (LEFT + span, TOP), "grid")]
    axes += [svg.label(LEFT - 6, TOP + 8, f"{100 * top:.0f} %", "end"), svg.label(LEFT - 6, base, "0", "end")]
    place = LEFT + median / 256 * span
    axes += [svg.line((place, TOP), (place, base), "median")]
    return svg.picture(WIDTH, HEIGHT, description, *bars, *axes)


def _level_shares(rows: pd.DataFrame) -> Shares:
    counts, _ = np.histogram(rows["mean"].to_numpy(float), bins=LEVEL_BINS, range=(0, 256))
    return np.asarray(counts / counts.sum(), np.float64)


def _anchor(tick: float, ticks: list[float]) -> str:
    return "end" if tick == ticks[-1] else "middle"


def _round_up(value: float) -> float:
    step = 10.0 ** max(1, len(str(int(value))) - 1) / 2
    return float(np.ceil(value / step) * step)
