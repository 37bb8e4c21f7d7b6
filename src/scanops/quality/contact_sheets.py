"""Which images show a defect, and beside which other image they are to be looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from scanops.quality import leakage
from scanops.validation_rules import Severities

MAX_SHOWN = 12
PAIRED = ("exact_duplicate", "pixel_duplicate", "near_duplicate", "label_conflict")
Record = Mapping[Hashable, Any]


@dataclass(frozen=True)
class Shown:
    """One image of a sheet.

    Attributes:
        path: Path of the manifest.
        label: Its class, or None.
        fact: What the scan saw that matters here, or None.
    """

    path: str
    label: str | None
    fact: str | None = None


@dataclass(frozen=True)
class Entry:
    """One image, or two side by side.

    Attributes:
        image: The image with the defect.
        other: The image that it is to be compared with, or None.
        relation: How alike they are: `same bytes`, `same pixels`, `similarity 0.987`, or
            `joined through other images` where the two were not compared themselves; empty for one image.
        mirrored: They match after a horizontal flip only.
    """

    image: Shown
    other: Shown | None = None
    relation: str = ""
    mirrored: bool = False


@dataclass(frozen=True)
class Sheet:
    """What is shown of one kind.

    Attributes:
        kind: A defect kind, or `leaked` or `leaked_nearly`.
        total: How many entries there are.
        entries: The first `MAX_SHOWN` of them, in an order that is always the same.
        paired: Whether entries are pairs.
    """

    kind: str
    total: int
    entries: tuple[Entry, ...]
    paired: bool


def for_defects(manifest: pd.DataFrame) -> list[Sheet]:
    """Make one sheet for each kind of defect that occurs.

    Args:
        manifest: The manifest.

    Returns:
        Sheets in the order of the severities. Near duplicates come with the least alike first, as they
        need a second look most; the others in the order of their ids, which are hashes.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for index, kinds in enumerate(manifest["defects"]):
        for kind in kinds:
            rows[kind].append(index)
    known = [kind for kind in Severities.model_fields if kind in rows]
    others = sorted(set(rows) - set(known))
    return [_sheet(manifest, kind, manifest.iloc[rows[kind]]) for kind in [*known, *others]]


def for_leakage(manifest: pd.DataFrame) -> list[Sheet]:
    """Put images of the supplied test split beside the training images that they repeat.

    Args:
        manifest: The manifest.

    Returns:
        A sheet for the same pixels and one for near duplicates; without those that are empty.
    """
    training = manifest[manifest["supplied_split"] == "train"]
    sheets = []
    for kind, chosen, key in (
        ("leaked", leakage.leaked(manifest), "pixel_sha256"),
        ("leaked_nearly", leakage.leaked_nearly(manifest), "picture"),
    ):
        shown = manifest[chosen].sort_values("image_id").head(MAX_SHOWN)
        twins = training[training[key].isin(shown[key])]
        entries = tuple(
            _leak(row, twins[twins[key] == row[key]].to_dict("records")) for row in shown.to_dict("records")
        )
        sheets.append(Sheet(kind, int(chosen.sum()), entries, paired=True))
    return [sheet for sheet in sheets if sheet.total]


def _sheet(manifest: pd.DataFrame, kind: str, rows: pd.DataFrame) -> Sheet:
    by = ["similarity", "image_id"] if kind == "near_duplicate" else ["image_id"]
    records = rows.sort_values(by).to_dict("records")
    if kind not in PAIRED:
        entries = tuple(Entry(_shown(row, kind)) for row in records[:MAX_SHOWN])
        return Sheet(kind, len(records), entries, paired=False)
    partners = _Partners(manifest, rows)
    pairs = list(_pairs(records, kind, partners))
    return Sheet(kind, len(pairs), tuple(pairs[:MAX_SHOWN]), paired=True)


def _pairs(records: list[dict[Hashable, Any]], kind: str, partners: _Partners) -> Iterator[Entry]:
    seen: set[tuple[str, ...]] = set()
    for row in records:
        other = partners.of(row, kind)
        key = tuple(sorted({str(row["path"]), str(other["path"])} if other else {str(row["path"])}))
        if key in seen:  # a conflict is recorded at both of its images
            continue
        seen.add(key)
        yield _pair(row, other) if other else Entry(_shown(row))


class _Partners:
    """Finds the image that a row is to be compared with."""

    def __init__(self, manifest: pd.DataFrame, rows: pd.DataFrame) -> None:
        related = manifest[
            manifest["path"].isin(rows["twin"].dropna()) | manifest["picture"].isin(rows["picture"].dropna())
        ]
        self._by_path: dict[str, Record] = {}
        self._by_picture: dict[str, list[Record]] = defaultdict(list)
        for record in related.to_dict("records"):
            self._by_path[record["path"]] = record
            self._by_picture[record["picture"]].append(record)

    def of(self, row: Record, kind: str) -> Record | None:
        twin = self._by_path.get(row["twin"])
        if kind != "label_conflict" or (twin and twin["label"] != row["label"]):
            return twin
        # A copy's twin is what it copies; the conflict is with another image of the same picture.
        others = self._by_picture.get(row["picture"], [])
        return next((other for other in others if other["label"] != row["label"]), None)


def _leak(test: Record, twins: list[dict[Hashable, Any]]) -> Entry:
    """Take the twin that was compared with the image itself before one that is joined through others."""
    direct = [twin for twin in twins if _compared(test, twin)]
    return _pair(test, (direct or twins)[0])


def _pair(row: Record, other: Record) -> Entry:
    compared = _compared(row, other)
    if row["sha256"] == other["sha256"]:
        relation = "same bytes"
    elif row["pixel_sha256"] == other["pixel_sha256"]:
        relation = "same pixels"
    elif compared is None or pd.isna(compared["similarity"]):
        relation = "joined through other images"
    else:
        # Cut, not rounded: 1.000 would read as the same.
        relation = f"similarity {min(int(compared['similarity'] * 1000), 999) / 1000:.3f}"
    mirrored = compared is not None and bool(compared["mirrored"])
    return Entry(_shown(row), _shown(other), relation, mirrored=mirrored)


def _compared(one: Record, other: Record) -> Record | None:
    """Give the row that tells of the comparison: the later of the two, whichever that is."""
    if one["twin"] == other["path"]:
        return one
    return other if other["twin"] == one["path"] else None


def _shown(row: Record, kind: str | None = None) -> Shown:
    label: str | None = None if pd.isna(row["label"]) else str(row["label"])
    return Shown(str(row["path"]), label, _fact(row, kind) if kind else None)


def _fact(row: Record, kind: str) -> str | None:
    if kind == "too_small":
        return f"{row['width']:.0f} × {row['height']:.0f} px"
    if kind in ("blank", "low_contrast"):
        return f"standard deviation {row['std']:.2f}"
    if kind == "format_mismatch":
        return f"is {row['format']}"
    if kind == "colour_image":
        return f"mode {row['mode']}"
    return None if pd.isna(row["reason"]) else str(row["reason"]).removeprefix(f"{kind}: ")
