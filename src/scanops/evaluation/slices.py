"""Parts of the test split that a good average may hide: sizes, formats, brightness, copies, leaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from scanops.evaluation.cohort import Cohort, need_columns
from scanops.evaluation.metrics import Floats

COLUMNS = ("image_id", "width", "height", "format", "mean", "picture", "pixel_sha256", "supplied_split")
SIZES = ("small", "medium", "large")
BRIGHTNESSES = ("dark", "medium", "bright")


@dataclass(frozen=True)
class Slice:
    """Some images of a cohort.

    Attributes:
        trait: What the cohort is cut by, for example `image_size`.
        name: Which part it is, for example `small`.
        member: bool [N].
        span: Least and greatest value of the trait in this part, where it is a number.
    """

    trait: str
    name: str
    member: npt.NDArray[np.bool_]
    span: tuple[float, float] | None = None


def cut(cohort: Cohort, manifest: pd.DataFrame) -> list[Slice]:
    """Cut a cohort by everything that is known of its images.

    - `image_size`: thirds by the geometric mean of width and height, in pixels;
    - `format`: of the stored file;
    - `brightness`: thirds by the mean grey level, 0 to 255;
    - `copies`: whether the picture is in the data more than once, exactly or nearly;
    - `supplied_split`: the pictures of the supplied test split, `leaked` where their very pixels are in
      the supplied training split as well. The network was trained on neither part: how it answers here
      tells whether the leaked part is the easier one, not what the leak would have been worth.

    Args:
        cohort: N images.
        manifest: What `data/manifest.parquet` holds.

    Returns:
        The parts that hold an image, in a fixed order.

    Raises:
        ConfigError: The manifest lacks a column.
    """
    need_columns(manifest, COLUMNS, "manifest")
    rows = cohort.rows[["image_id"]].merge(manifest[list(COLUMNS)], on="image_id", how="left")
    sides = np.sqrt(rows["width"].to_numpy(np.float64) * rows["height"].to_numpy(np.float64))
    found = [
        *_thirds("image_size", sides, SIZES),
        *_named("format", rows["format"]),
        *_thirds("brightness", rows["mean"].to_numpy(np.float64), BRIGHTNESSES),
        *_named("copies", _copies(rows, manifest)),
        *_named("supplied_split", _supplied(rows, manifest)),
    ]
    return [part for part in found if part.member.any()]


def _thirds(trait: str, values: Floats, names: tuple[str, str, str]) -> Iterator[Slice]:
    """Cut at the terciles; equal values stay together, and where all are equal there is one part, `all`."""
    low, high = np.quantile(values, (1 / 3, 2 / 3), method="inverted_cdf")
    if low == values.max():
        names = ("all", *names[1:])
    members = (values <= low, (values > low) & (values <= high), values > high)
    for name, member in zip(names, members, strict=True):
        held = values[member]
        yield Slice(trait, name, member, (float(held.min()), float(held.max())) if held.size else None)


def _named(trait: str, values: pd.Series[str]) -> Iterator[Slice]:
    for name in sorted(values.dropna().unique()):
        yield Slice(trait, str(name), (values == name).to_numpy(np.bool_))


def _copies(rows: pd.DataFrame, manifest: pd.DataFrame) -> pd.Series[str]:
    files = rows["picture"].map(manifest["picture"].value_counts())
    return (files > 1).map({True: "copied", False: "single"})


def _supplied(rows: pd.DataFrame, manifest: pd.DataFrame) -> pd.Series[str]:
    """Look at all files of a picture: which of them stands for it is chance."""
    tested = manifest[manifest["supplied_split"] == "test"]
    training = manifest.loc[manifest["supplied_split"] == "train", "pixel_sha256"].dropna()
    leaked = tested["pixel_sha256"].isin(set(training)).groupby(tested["picture"]).any()
    kinds: Mapping[bool, str] = {True: "leaked", False: "clean"}
    return rows["picture"].map(leaked.map(kinds))
