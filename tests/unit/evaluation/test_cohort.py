"""The cohort: representatives only, in the bundle's numbering, and nothing from two runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scanops.errors import ConfigError, VerdictError
from scanops.evaluation import cohort

CLASSES = ("b", "a")


@pytest.fixture
def splits() -> pd.DataFrame:
    """Two training pictures, two test pictures, and a copy of one of them."""
    rows = [
        ("1", "a/1.png", "a", "g1", "train", True),
        ("2", "b/2.png", "b", "g2", "train", True),
        ("5", "b/5.png", "b", "g3", "test", False),
        ("4", "b/4.png", "b", "g3", "test", True),
        ("3", "a/3.png", "a", "g4", "test", True),
    ]
    return pd.DataFrame(rows, columns=list(cohort.SPLIT_COLUMNS))


@pytest.fixture
def manifest(splits: pd.DataFrame) -> pd.DataFrame:
    """A size for every image."""
    return pd.DataFrame({"image_id": splits["image_id"], "width": [30, 31, 32, 33, 34], "height": 20})


def test_copies_count_once_and_paths_are_sorted(splits: pd.DataFrame, manifest: pd.DataFrame) -> None:
    """Only representatives, by path, numbered as the bundle numbers its classes."""
    test = cohort.select(splits, manifest, CLASSES, "test")
    assert test.paths == ["a/3.png", "b/4.png"]
    assert test.targets.tolist() == [1, 0]
    assert test.sides.tolist() == [[34, 20], [33, 20]]


def test_a_group_on_both_sides_is_refused(splits: pd.DataFrame, manifest: pd.DataFrame) -> None:
    """A copy in the training set, even one that is no representative, stops the evaluation."""
    splits.loc[2, "split"] = "train"
    with pytest.raises(VerdictError, match=r"shares 1 group.* g3"):
        cohort.select(splits, manifest, CLASSES, "test")


def test_files_of_different_runs_are_named(splits: pd.DataFrame, manifest: pd.DataFrame) -> None:
    """An image without a row, a class that the bundle lacks, a column that is gone: each is said."""
    with pytest.raises(ConfigError, match="without a row in the manifest"):
        cohort.select(splits, manifest.iloc[:2], CLASSES, "test")
    with pytest.raises(ConfigError, match=r"does not know: \['b'\]"):
        cohort.select(splits, manifest, ("a", "c"), "test")
    with pytest.raises(ConfigError, match="lacks the columns group"):
        cohort.select(splits.drop(columns="group"), manifest, CLASSES, "test")


def test_an_empty_split_is_refused(splits: pd.DataFrame, manifest: pd.DataFrame) -> None:
    """Nothing to evaluate is a verdict, not a division by zero."""
    with pytest.raises(VerdictError, match="val split: holds no image"):
        cohort.select(splits, manifest, CLASSES, "val")


def test_a_table_that_is_none_is_named(tmp_path: Path) -> None:
    """A missing or damaged table is a user's mistake with a remedy."""
    (tmp_path / "splits.parquet").write_bytes(b"no parquet")
    for name in ("splits.parquet", "missing.parquet"):
        with pytest.raises(ConfigError, match=name):
            cohort.read(tmp_path / name)


def test_answers_stand_beside_their_images(splits: pd.DataFrame, manifest: pd.DataFrame) -> None:
    """The predictions keep float32 and the order of the paths."""
    test = cohort.select(splits, manifest, CLASSES, "test")
    table = cohort.with_answers(test, np.array([[0.1, 0.9], [0.3, 0.7]], np.float32), CLASSES, ("x", None))
    assert list(table.columns) == ["image_id", "group", "label", "prediction", "p_b", "p_a", "why"]
    assert table["why"].to_list() == ["x", pd.NA]
    assert list(table["prediction"]) == ["a", "a"]
    assert table["p_a"].dtype == np.float32
