"""The figures at the head of the report: one sentence, a handful of numbers, counts per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from scanops.quality import bars

SPLITS = ("train", "val", "test")
UNPLACED = "none"
NO_LABEL = "(no class)"


@dataclass(frozen=True)
class Figure:
    """One number with its name.

    Attributes:
        name: What is counted.
        value: As it is shown.
        note: What it is compared with, or empty.
        alarming: Whether it deserves a look.
    """

    name: str
    value: str
    note: str = ""
    alarming: bool = False


@dataclass(frozen=True)
class ClassRow:
    """One line of the table of classes.

    Attributes:
        label: The class.
        counts: Images of each split in the table's order.
        images: All of them.
        share: Of all images, in [0, 1].
        quarantined: Images left out.
        bar: SVG of `counts`.
    """

    label: str
    counts: tuple[int, ...]
    images: int
    share: float
    quarantined: int
    bar: Markup


@dataclass(frozen=True)
class ClassTable:
    """Counts per class and supplied split.

    Attributes:
        splits: Names of the columns: the supplied splits that occur, and `none` for images without one.
        rows: One a class, by name.
        totals: Sum of each column.
        images: Sum of all.
        quarantined: Images left out.
    """

    splits: tuple[str, ...]
    rows: tuple[ClassRow, ...]
    totals: tuple[int, ...]
    images: int
    quarantined: int


def gist(manifest: pd.DataFrame, report: Mapping[str, Any]) -> str:
    """Say in one sentence what these data are and what is most wrong with them.

    Args:
        manifest: The manifest.
        report: `reports/validation.json`.

    Returns:
        The sentence.
    """
    classes = manifest["label"].nunique()
    images = _count(len(manifest), "image")
    quarantined = int(manifest["quarantined"].sum())
    left_out = f"{quarantined:,}" if quarantined else "none"
    parts = [f"{images} in {_count(classes, 'class', 'classes')}, {left_out} quarantined"]
    leakage = report.get("supplied_split_leakage") or {}
    leaked = int(leakage.get("leaked", 0)) + int(leakage.get("leaked_nearly", 0))
    if leaked:
        parts.append(f"{leaked:,} of {leakage['test_images']:,} supplied test images are also in training")
    strong = [str(entry["feature"]) for entry in report.get("shortcuts") or () if entry.get("strong")]
    if strong:
        parts.append(f"the class can partly be told from {_listed(strong)} alone")
    return "; ".join(parts) + "."


def figures(manifest: pd.DataFrame, report: Mapping[str, Any]) -> list[Figure]:
    """Gather the key figures; one that the report does not hold is left out.

    Args:
        manifest: The manifest.
        report: `reports/validation.json`.

    Returns:
        Figures in reading order.
    """
    images, quarantined = len(manifest), int(manifest["quarantined"].sum())
    shown = [
        Figure("images", f"{images:,}", _count(manifest["label"].nunique(), "class", "classes")),
        Figure(
            "usable",
            f"{images - quarantined:,}",
            f"{100 * (images - quarantined) / max(1, images):.1f} % of all",
        ),
        Figure("quarantined", f"{quarantined:,}", "left out, not deleted", bool(quarantined)),
    ]
    if "duplicate_groups" in report:
        pairs = report.get("near_duplicate_pairs")
        note = "" if pairs is None else f"{pairs:,} near-duplicate pairs"
        shown.append(_alarm("pictures in several files", report["duplicate_groups"], note))
    if "label_conflicts" in report:
        shown.append(_alarm("label conflicts", report["label_conflicts"], "one picture, two classes"))
    leakage = report.get("supplied_split_leakage") or {}
    if leakage.get("test_images"):
        nearly = leakage.get("leaked_nearly")
        note = f"of {leakage['test_images']:,}" + (f"; {nearly:,} more nearly" if nearly else "")
        shown.append(_alarm("test images in training", leakage.get("leaked", 0), note))
    patients = manifest["patient"].nunique()
    if patients:
        shown.append(Figure("patients", f"{patients:,}", "kept together"))
    return shown


def class_table(manifest: pd.DataFrame) -> ClassTable:
    """Count images per class and supplied split.

    Args:
        manifest: The manifest.

    Returns:
        The table.
    """
    labels = manifest["label"].astype(object).where(manifest["label"].notna(), NO_LABEL)
    placed = manifest["supplied_split"].astype(object).where(manifest["supplied_split"].notna(), UNPLACED)
    counts = pd.crosstab(labels, placed)
    splits = tuple(name for name in (*SPLITS, UNPLACED) if name in counts.columns)
    quarantined = manifest["quarantined"].astype(int).groupby(labels).sum()
    longest = int(counts.sum(axis=1).max()) if len(counts) else 0
    rows = tuple(
        _class_row(
            str(label),
            splits,
            [int(counts.loc[label, name]) for name in splits],
            longest,
            len(manifest),
            int(quarantined[label]),
        )
        for label in counts.index
    )
    totals = tuple(int(counts[name].sum()) for name in splits)
    return ClassTable(splits, rows, totals, len(manifest), int(manifest["quarantined"].sum()))


def _class_row(
    label: str, splits: Sequence[str], counts: Sequence[int], longest: int, of: int, quarantined: int
) -> ClassRow:
    images = sum(counts)
    bar = bars.stacked(list(zip(splits, counts, strict=True)), longest)
    return ClassRow(label, tuple(counts), images, images / max(1, of), quarantined, bar)


def _alarm(name: str, count: int, note: str) -> Figure:
    return Figure(name, f"{count:,}", note, alarming=count > 0)


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
