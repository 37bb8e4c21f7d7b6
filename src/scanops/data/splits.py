"""Content decides the split: a keyed hash of the group says where it goes, and it stays there."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from scanops.config import Fractions, Split
from scanops.data import parquet
from scanops.errors import VerdictError

PARTS = ("train", "val", "test")
SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("path", pa.string()),
        ("label", pa.string()),
        ("group", pa.string()),
        ("split", pa.string()),
        ("representative", pa.bool_()),
    ]
)


def place(group: str, key: str, fractions: Fractions) -> str:
    """Choose the part of one group, without looking at any other.

    A group's part depends on its name, the key and the fractions alone, so a growing data set keeps
    its test set. As the hash knows nothing of the classes, each class is divided in the same
    proportions, up to the chance of drawing whole groups.

    Args:
        group: Name of the group.
        key: Draws one split of many.
        fractions: Shares of the parts.

    Returns:
        `train`, `val` or `test`.
    """
    digest = hmac.digest(key.encode(), group.encode(), hashlib.sha256)
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < fractions.test:
        return "test"
    return "val" if position < fractions.test + fractions.val else "train"


def divide(usable: pd.DataFrame, rules: Split) -> pd.DataFrame:
    """Divide the usable images.

    Args:
        usable: Rows of the manifest that may be trained on.
        rules: Fractions, key, and how many groups of a class each part must get.

    Returns:
        One row an image, sorted by path, with the columns of `SCHEMA`. `representative` is true for
        the first file of each picture; training and evaluation use these alone, so that a picture
        counts once however often it was copied.

    Raises:
        VerdictError: A class has too few groups in a part.
    """
    frame = usable.sort_values("path", ignore_index=True)
    parts = {group: place(group, rules.key, rules.fractions) for group in frame["group"].unique()}
    frame["split"] = frame["group"].map(parts)
    frame["representative"] = ~frame.duplicated("pixel_sha256")
    _require_groups(frame, rules.min_groups)
    return frame[list(SCHEMA.names)]


def summarise(splits: pd.DataFrame) -> dict[str, Any]:
    """Count what went where.

    Args:
        splits: What `divide` returns.

    Returns:
        The report: images, pictures and groups of each class in each part, and how many groups are
        in more than one part (0, or something is broken).
    """
    spread = splits.groupby("group")["split"].nunique()
    return {
        "images": len(splits),
        "groups": len(spread),
        "cross_split_groups": int((spread > 1).sum()),
        "classes": sorted(splits["label"].unique()),
        "splits": {part: _count(splits[splits["split"] == part], len(spread)) for part in PARTS},
    }


def write(splits: pd.DataFrame, path: Path) -> None:
    """Write splits; equal frames give equal bytes.

    Args:
        splits: What `divide` returns.
        path: The Parquet file to replace.
    """
    parquet.write(splits, SCHEMA, path)


def read(path: Path, part: str) -> pd.DataFrame:
    """Read the pictures of one part: each once.

    Args:
        path: A Parquet file that `write` wrote.
        part: `train`, `val` or `test`.

    Returns:
        The part's representatives, sorted by path.

    Raises:
        ConfigError: The file is missing or is not a table of splits.
    """
    return parquet.read(path, filters=[("split", "=", part), ("representative", "=", True)])


def _count(part: pd.DataFrame, groups: int) -> dict[str, Any]:
    return {
        "images": len(part),
        "pictures": int(part["representative"].sum()),
        "groups": int(part["group"].nunique()),
        "fraction_of_groups": round(part["group"].nunique() / groups, 4),
        "per_class": {str(label): int(count) for label, count in part.groupby("label").size().items()},
    }


def _require_groups(frame: pd.DataFrame, least: int) -> None:
    groups = frame.groupby(["label", "split"])["group"].nunique()
    for label in sorted(frame["label"].unique()):
        for part in PARTS:
            count = int(groups.get((label, part), 0))
            if count < least:
                raise VerdictError(
                    f"class `{label}`",
                    f"has {count} groups in the {part} split, fewer than split.min_groups = {least}",
                    "Add images of it, or change split.fractions or split.key",
                )
