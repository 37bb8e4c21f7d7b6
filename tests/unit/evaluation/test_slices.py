"""Slices: every image is in one part of each trait, and the parts are what they are called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanops.errors import ConfigError
from scanops.evaluation import slices
from scanops.evaluation.cohort import Cohort


def manifest(count: int = 9, **columns: Any) -> pd.DataFrame:
    """Describe pictures of growing size and brightness."""
    number = range(count)
    values = {
        "image_id": [f"i{n}" for n in number],
        "width": [100 + n for n in number],
        "height": [100 + n for n in number],
        "format": ["PNG" if n % 2 else "JPEG" for n in number],
        "mean": [10.0 * n for n in number],
        "picture": [f"p{n}" for n in number],
        "pixel_sha256": [f"x{n}" for n in number],
        "supplied_split": [None] * count,
    }
    return pd.DataFrame(values | columns)


def cohort(frame: pd.DataFrame, *rows: int) -> Cohort:
    """Take some of a manifest's images."""
    chosen = frame.iloc[list(rows)] if rows else frame
    return Cohort(chosen[["image_id"]].assign(label="a"), np.zeros(len(chosen), np.int64))


def names(found: list[slices.Slice], trait: str) -> dict[str, list[int]]:
    """Places of the images in each part of a trait."""
    return {part.name: np.flatnonzero(part.member).tolist() for part in found if part.trait == trait}


def test_thirds_are_by_size_and_brightness() -> None:
    """A third of the images each, in order, with the range that they span."""
    frame = manifest()
    found = slices.cut(cohort(frame), frame)
    thirds = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert names(found, "image_size") == dict(zip(("small", "medium", "large"), thirds, strict=True))
    assert names(found, "brightness") == dict(zip(("dark", "medium", "bright"), thirds, strict=True))
    assert found[0].span == (100.0, 102.0)


def test_images_of_one_size_are_one_part() -> None:
    """Where all are alike there is no smallest third."""
    frame = manifest(width=128, height=128)
    assert names(slices.cut(cohort(frame), frame), "image_size") == {"all": list(range(9))}


def test_formats_and_copies_are_told_apart() -> None:
    """A picture is a copy where the data hold another file of it, in any split."""
    frame = manifest(picture=["p0", "p1", "p2", "p3", "p0", "p5", "p6", "p7", "p8"])
    found = slices.cut(cohort(frame, 0, 1, 2), frame)
    assert names(found, "format") == {"JPEG": [0, 2], "PNG": [1]}
    assert names(found, "copies") == {"copied": [0], "single": [1, 2]}


def test_leaks_of_the_supplied_split_are_found_by_pixels() -> None:
    """Leaked: a supplied test file of the picture has the pixels of a supplied training file."""
    frame = manifest(
        supplied_split=["test", "test", "train", "train", "test", "train", "train", "test", "train"],
        picture=["p0", "p1", "p0", "p1", "p4", "p5", "p7", "p7", "p8"],
        pixel_sha256=["x0", "x1", "x0", "other", "x4", "x5", "x7", "x7", "x8"],
    )
    found = slices.cut(cohort(frame, 0, 1, 4, 5, 6), frame)
    # The last is represented by its training file; what counts is that the picture was in the test split.
    assert names(found, "supplied_split") == {"clean": [1, 2], "leaked": [0, 4]}


def test_without_a_supplied_split_there_is_no_such_slice() -> None:
    """A data set that came without a split has no leaked and no clean part."""
    frame = manifest()
    assert names(slices.cut(cohort(frame), frame), "supplied_split") == {}


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_each_image_is_in_one_part_of_a_trait(values: list[int]) -> None:
    """Ties stay together, no part is empty, and the parts hold every image once."""
    frame = manifest(len(values), mean=[float(value) for value in values])
    found = [part for part in slices.cut(cohort(frame), frame) if part.trait == "brightness"]
    assert np.sum([part.member for part in found], axis=0).tolist() == [1] * len(values)
    held = [{values[place] for place in np.flatnonzero(part.member)} for part in found]
    assert all(held)
    assert sum(map(len, held)) == len(set(values))


def test_a_manifest_of_another_version_is_refused() -> None:
    """A missing column is named with a remedy."""
    with pytest.raises(ConfigError, match="lacks the columns picture"):
        slices.cut(cohort(manifest()), manifest().drop(columns="picture"))
