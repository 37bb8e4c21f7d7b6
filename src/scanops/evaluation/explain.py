"""The gallery: mistakes, and right answers to compare with, each beside its class-activation map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import SubFigure

from scanops import activation_map
from scanops.activation_map import Floats
from scanops.evaluation.canvas import BARE, GREY, ORANGE, blank, png, short
from scanops.evaluation.measures import Answers
from scanops.evaluation.metrics import Integers
from scanops.imaging import Pixels

ERRORS, RIGHT_A_CLASS, MOST_RIGHT = 9, 3, 36
COLUMNS = 3
GAP_PX = 4  # between a picture and its map, before scaling
SIDE_PX = 192  # of a picture; small inputs are enlarged, so that the map does not look coarser than it is
NO_MAPS = "no maps: this bundle is older than they are"


@dataclass(frozen=True)
class Chosen:
    """Places of images in the cohort.

    Attributes:
        mistakes: int64 [m], the most confident first.
        right: int64 [r], class by class.
    """

    mistakes: Integers
    right: Integers

    @property
    def all(self) -> Integers:
        """int64 [m + r], mistakes first."""
        return np.concatenate([self.mistakes, self.right])


@dataclass(frozen=True)
class Looked:
    """The images of a gallery, in the order of `Chosen.all`.

    Attributes:
        pictures: uint8 [n, S, S, 3], as the network sees them.
        shares: float64 [n, h, w] in 0..1 for the predicted class, from `activation_map.relative`; None where
            the bundle cannot give them.
        names: n words to find an image by, for example the start of its `image_id`.
    """

    pictures: Pixels
    shares: Floats | None
    names: Sequence[str]


def choose(answers: Answers) -> Chosen:
    """Pick the worst mistakes, and some right answers of each class.

    Right answers are spread evenly over a class's images, which are sorted by path; of many classes each
    has fewer, and the last may have none.

    Args:
        answers: Of N images.

    Returns:
        At most 9 mistakes, those with the highest probability of a wrong class first (ties in the order of
        the cohort), and at most 3 right answers a class, 36 in all.
    """
    wrong = answers.predictions != answers.labels
    surest = np.argsort(-answers.probabilities.max(axis=1), kind="stable")
    a_class = max(1, min(RIGHT_A_CLASS, MOST_RIGHT // len(answers.classes)))
    right: list[int] = []
    for index in range(len(answers.classes)):
        found = np.flatnonzero(~wrong & (answers.labels == index))
        spread = np.linspace(0, len(found) - 1, min(a_class, len(found)))
        right += found[spread.round().astype(np.int64)].tolist()
    return Chosen(surest[wrong[surest]][:ERRORS].astype(np.int64), np.array(right[:MOST_RIGHT], np.int64))


def gallery(answers: Answers, chosen: Chosen, looked: Looked, notice: str) -> bytes:
    """Draw the mistakes and the right answers.

    Args:
        answers: Of N images.
        chosen: What `choose` returned for them.
        looked: The chosen images.
        notice: Printed below.

    Returns:
        A PNG.
    """
    heads, shown = headings(answers, chosen), len(chosen.mistakes)
    rows = [max(0.2, float(-(-len(part) // COLUMNS))) for part in (chosen.mistakes, chosen.right)]
    with blank(3.6 * COLUMNS, 2.35 * sum(rows) + 1.5) as figure:
        heights = [rows[0] + 0.12, rows[1] + 0.12, 0.18]
        parts = list(np.atleast_1d(np.asarray(figure.subfigures(3, 1, height_ratios=heights))))
        entries = [_entry(answers, looked, number, place) for number, place in enumerate(chosen.all)]
        _section(parts[0], heads[0], entries[:shown], ORANGE)
        _section(parts[1], heads[1], entries[shown:], "black")
        parts[2].text(0.5, 0.7, _legend(looked), ha="center", va="center", fontsize=9)
        parts[2].text(0.5, 0.2, notice, ha="center", va="center", fontsize=9, weight="bold")
        return png(figure)


def headings(answers: Answers, chosen: Chosen) -> tuple[str, str]:
    """Say what the two parts of a gallery show, and where there is nothing to show.

    Args:
        answers: Of N images.
        chosen: What `choose` returned for them.

    Returns:
        Of the mistakes, and of the right answers.
    """
    count, mistaken = len(answers.labels), int((answers.predictions != answers.labels).sum())
    shown = (
        f"Mistakes: {len(chosen.mistakes)} of {mistaken} among {count} test images, the most confident first"
    )
    right = "Right answers of each class" if len(chosen.right) else "No right answers"
    return shown if mistaken else f"No mistakes among {count} test images", right


def _legend(looked: Looked) -> str:
    if looked.shares is None:
        return f"Each picture as the network sees it ({NO_MAPS})."
    return (
        "Each picture as the network sees it, and beside it where the evidence for the predicted class lies: "
        "orange some, yellow most of this picture."
    )


def _entry(answers: Answers, looked: Looked, number: int, place: int) -> tuple[str, Pixels]:
    actual, predicted = answers.labels[place], answers.predictions[place]
    names, said = answers.classes, answers.probabilities[place]
    lines = (
        f"actual: {names[actual]} ({said[actual]:.1%})",
        f"predicted: {names[predicted]} ({said[predicted]:.1%})",
        f"image {looked.names[number]}",
    )
    picture = looked.pictures[number]
    times = max(1, SIDE_PX // len(picture))
    picture = picture.repeat(times, axis=0).repeat(times, axis=1)
    if looked.shares is not None:
        gap = np.full((len(picture), GAP_PX, 3), 255, np.uint8)
        picture = np.hstack([picture, gap, activation_map.overlay(picture, looked.shares[number])])
    return "\n".join(short(line) for line in lines), picture


def _section(figure: SubFigure, head: str, entries: Sequence[tuple[str, Pixels]], colour: str) -> None:
    figure.suptitle(head, fontsize=11)
    if not entries:
        return
    grid = figure.subplots(-(-len(entries) // COLUMNS), COLUMNS, squeeze=False, subplot_kw=BARE)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (title, picture) in zip(grid.flat, entries, strict=False):
        axes.set_axis_on()
        for spine in axes.spines.values():
            spine.set(color=colour if colour == ORANGE else GREY)
        axes.imshow(picture)
        axes.set_title(title, fontsize=8, color=colour)
