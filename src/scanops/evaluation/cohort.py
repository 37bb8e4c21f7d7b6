"""Which images are compared: one representative of each picture, labels as the bundle numbers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from scanops.errors import ConfigError, VerdictError
from scanops.evaluation.metrics import Integers, Probabilities

SPLIT_COLUMNS = ("image_id", "path", "label", "group", "split", "representative")
SIZE_COLUMNS = ("image_id", "width", "height")


@dataclass(frozen=True)
class Cohort:
    """Images of one split, sorted by path.

    Attributes:
        rows: Columns image_id, path, label, group, width, height.
        targets: int64 [N], each label's place among the bundle's classes.
    """

    rows: pd.DataFrame
    targets: Integers

    @property
    def paths(self) -> list[str]:
        """Files, relative to the raw folder."""
        return [str(path) for path in self.rows["path"]]

    @property
    def sides(self) -> Integers:
        """int64 [N, 2], stored width and height in pixels."""
        return self.rows[["width", "height"]].to_numpy(np.int64)


def read(path: Path) -> pd.DataFrame:
    """Read a table that an earlier stage wrote.

    Args:
        path: A Parquet file.

    Returns:
        The table.

    Raises:
        ConfigError: The file is missing or is not Parquet.
    """
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), f"cannot be read ({error})", "Make it with `make repro`") from error


def select(splits: pd.DataFrame, manifest: pd.DataFrame, classes: Sequence[str], split: str) -> Cohort:
    """Take the representatives of a split.

    Args:
        splits: What `data/splits.parquet` holds.
        manifest: What `data/manifest.parquet` holds.
        classes: The bundle's classes, in order.
        split: `train`, `val` or `test`.

    Returns:
        The images.

    Raises:
        ConfigError: A column, an image or a class is unknown: the files are of different runs.
        VerdictError: The split is empty, or a group of it is in another split as well.
    """
    need_columns(splits, SPLIT_COLUMNS, "splits")
    need_columns(manifest, SIZE_COLUMNS, "manifest")
    chosen = splits["split"] == split
    _refuse_crossing(splits, chosen, split)
    rows = splits[chosen & splits["representative"]].sort_values("path", kind="stable")
    if rows.empty:
        raise VerdictError(f"{split} split", "holds no image", "Add data, or change split.fractions")
    rows = rows.merge(manifest[list(SIZE_COLUMNS)], on="image_id", how="left", validate="1:1")
    remedy = "Run `make repro`, so that manifest, splits and bundle are of one run"
    if rows[["group", "width", "height"]].isna().to_numpy().any():
        raise ConfigError(
            f"{split} split", "holds images without a group, or without a row in the manifest", remedy
        )
    unknown = sorted(set(rows["label"]) - set(classes))
    if unknown:
        raise ConfigError(f"{split} split", f"holds classes that the bundle does not know: {unknown}", remedy)
    place = {name: index for index, name in enumerate(classes)}
    targets = np.array([place[label] for label in rows["label"]], np.int64)
    return Cohort(rows[["image_id", "path", "label", "group", "width", "height"]], targets)


def need_columns(table: pd.DataFrame, columns: Sequence[str], subject: str) -> None:
    """Refuse a table that lacks a column.

    Args:
        table: What an earlier stage wrote.
        columns: What is needed.
        subject: What to call it in a message.

    Raises:
        ConfigError: A column is missing.
    """
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise ConfigError(subject, f"lacks the columns {', '.join(missing)}", "Run `make repro`")


def with_answers(
    cohort: Cohort, probabilities: Probabilities, classes: Sequence[str], why: Sequence[str | None]
) -> pd.DataFrame:
    """Put a model's answers beside the images.

    Args:
        cohort: N images.
        probabilities: float32 [N, K].
        classes: K names, in order.
        why: N reasons to abstain, None where the answer stands.

    Returns:
        Columns image_id, group, label, prediction, float32 p_<class> for each class, and why.
    """
    table = cohort.rows[["image_id", "group", "label"]].reset_index(drop=True)
    table["prediction"] = np.array(classes, dtype=object)[probabilities.argmax(axis=1)]
    columns = {f"p_{name}": probabilities[:, index] for index, name in enumerate(classes)}
    return pd.concat([table, pd.DataFrame(columns)], axis=1).assign(why=pd.array(list(why), "string"))


def _refuse_crossing(splits: pd.DataFrame, chosen: pd.Series[bool], split: str) -> None:
    """A group on both sides would be examined on what it was taught."""
    crossing = set(splits.loc[chosen, "group"]) & set(splits.loc[~chosen, "group"])
    if crossing:
        raise VerdictError(
            f"{split} split",
            f"shares {len(crossing)} group(s) with another split, for example {min(map(str, crossing))}",
            "Draw the splits again with `make repro`",
        )
