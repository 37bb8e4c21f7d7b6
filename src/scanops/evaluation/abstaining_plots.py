"""Figures of abstaining, and the tables behind them; see `canvas`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from scanops.evaluation import abstaining
from scanops.evaluation.canvas import BLUE, GREY, ORANGE, blank, png
from scanops.evaluation.measures import Answers

COLUMNS = ("kind", "pictures", "abstained", "low", "high")


def render(answers: Answers, report: Mapping[str, Any] | None) -> dict[str, bytes]:
    """Draw what abstaining does.

    Args:
        answers: For the test images.
        report: What `abstaining.measure` returns; None for a bundle that never abstains.

    Returns:
        Contents a file name: the curve, and what became of the strangers.
    """
    traced, kinds = abstaining.curve(answers), table(report)
    return {
        "coverage_accuracy.csv": _csv(traced),
        "coverage_accuracy.png": coverage(traced, report),
        "strangers.csv": _csv(kinds),
        "strangers.png": strangers(kinds),
    }


def table(report: Mapping[str, Any] | None) -> pd.DataFrame:
    """List the kinds of strangers.

    Args:
        report: See `render`.

    Returns:
        The columns of `COLUMNS`, one row a kind.
    """
    kinds = {} if report is None else report["strangers"]
    rows = [(kind, of["pictures"], of["abstained"], *of["ci95"]) for kind, of in kinds.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def coverage(traced: pd.DataFrame, report: Mapping[str, Any] | None) -> bytes:
    """Draw accuracy over coverage, with the place where the bundle stands.

    Args:
        traced: What `abstaining.curve` returns.
        report: See `render`.

    Returns:
        A PNG.
    """
    with blank(6.4, 4.6) as figure:
        axes = figure.subplots()
        axes.plot(
            traced["coverage"], traced["accuracy"], color=BLUE, linewidth=2, label="surest answers alone"
        )
        least = min(0.9, float(traced["accuracy"].min()))
        if report is not None and report["accuracy_answered"]["value"] is not None:
            x, shown = report["coverage"]["value"], report["accuracy_answered"]
            low, high = (shown["value"] if end is None else end for end in shown["ci95"])
            least = min(least, low)
            axes.vlines(x, low, high, color=ORANGE, linewidth=2)
            axes.plot(x, shown["value"], "o", color=ORANGE, label="this bundle (95 % interval)")
        axes.set(xlim=(0, 1.01), ylim=(max(0.0, least - 0.02), 1.005), title="Accuracy of what is answered")
        axes.set(xlabel="Share of the test images that are answered", ylabel="Accuracy of the answers")
        axes.grid(alpha=0.25)
        axes.legend(loc="lower left")
        return png(figure)


def strangers(kinds: pd.DataFrame) -> bytes:
    """Draw how much of each kind of stranger is turned away.

    Args:
        kinds: What `table` returns.

    Returns:
        A PNG.
    """
    with blank(6.4, 1.4 + 0.3 * max(1, len(kinds))) as figure:
        axes = figure.subplots()
        rows = np.arange(len(kinds))
        axes.barh(rows, kinds["abstained"], color=BLUE, height=0.6)
        axes.hlines(rows, kinds["low"], kinds["high"], color=GREY, linewidth=2)
        axes.axvline(0.95, color=ORANGE, linestyle="--", linewidth=1)
        axes.set_yticks(rows, [str(kind).replace("_", " ") for kind in kinds["kind"]])
        axes.set(
            xlim=(0, 1.01), ylim=(max(1, len(kinds)) - 0.5, -0.5), title="Pictures that are no head scans"
        )
        axes.set_xlabel("Share that is turned away (95 % interval; dashed: 0.95)")
        axes.grid(alpha=0.25, axis="x")
        return png(figure)


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, float_format="%.6f", lineterminator="\n").encode()
