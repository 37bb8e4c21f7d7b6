"""Candidates by what they cost and what they give: balanced accuracy against latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from scanops.evaluation.canvas import BLUE, ORANGE, blank, png, short
from scanops.evaluation.comparison import label


def figure(candidates: Sequence[Mapping[str, Any]], images: int) -> bytes:
    """Draw each candidate with its interval; the best is marked.

    Args:
        candidates: What `reports/compare.json` holds under that key, the best first; at least one.
        images: Size of the validation split.

    Returns:
        A PNG.
    """
    with blank(8.0, 5.0) as drawn:
        axes = drawn.subplots()
        for place, candidate in enumerate(candidates):
            colour = ORANGE if place == 0 else BLUE
            figure_, latency_ms = candidate["balanced_accuracy"], candidate["latency_ms"]
            if figure_["value"] is None:
                continue
            if None not in figure_["ci95"]:
                axes.vlines(latency_ms, *figure_["ci95"], color=colour, linewidth=2, alpha=0.6)
            axes.plot([latency_ms], [figure_["value"]], "o", color=colour)
            # By number: with many candidates their names would cover one another.
            axes.annotate(
                str(candidate["rank"]),
                (latency_ms, figure_["value"]),
                xytext=(5, 3),
                textcoords="offset points",
            )
        names = [
            f"{candidate['rank']}  {short(label(candidate['changes']))}" for candidate in candidates[:20]
        ]
        axes.text(1.02, 1.0, "\n".join(names), transform=axes.transAxes, va="top", fontsize=8)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set(
            ylim=(0, 1.02),
            xlabel="Latency of one image on one thread (ms, median)",
            ylabel=f"Balanced accuracy, {images} validation images (95 % interval)",
        )
        axes.grid(alpha=0.25, which="both")
        return png(drawn)
