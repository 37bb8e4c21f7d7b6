"""Content decides the split, and growth does not move it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanops.config import Fractions, Split
from scanops.data import splits
from scanops.errors import VerdictError

FRACTIONS = Fractions(train=0.6, val=0.2, test=0.2)
RULES = Split(fractions=FRACTIONS, key="k", min_groups=1)


def _frame(groups: list[int], labels: list[str] | None = None) -> pd.DataFrame:
    count = len(groups)
    return pd.DataFrame(
        {
            "image_id": [f"i{i}" for i in range(count)],
            "path": [f"{i:05}.png" for i in range(count)],
            "label": labels or ["a"] * count,
            "group": [f"g{g}" for g in groups],
            "pixel_sha256": [f"g{g}" for g in groups],
        }
    )


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), max_size=60))
def test_no_group_crosses(more: list[int]) -> None:
    """All files of a group are in one part, each picture has one representative, and none is lost."""
    groups = [*range(60), *more]
    divided = splits.divide(_frame(groups), RULES)
    assert not divided.drop_duplicates(["group", "split"])["group"].duplicated().any()
    assert (divided.groupby("group")["representative"].sum() == 1).all()
    assert len(divided) == len(groups)
    assert splits.summarise(divided)["cross_split_groups"] == 0


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), max_size=40), st.lists(st.integers(0, 300), max_size=40))
def test_growth_moves_nothing(more: list[int], added: list[int]) -> None:
    """Images that are added never move a group that was there before."""
    groups = [*range(60), *more]
    before = splits.divide(_frame(groups), RULES).drop_duplicates("group").set_index("group")["split"]
    after = splits.divide(_frame(groups + added), RULES).drop_duplicates("group").set_index("group")["split"]
    assert (after[before.index] == before).all()


@pytest.mark.parametrize("parts", [(0.6, 0.2, 0.2), (0.7, 0.15, 0.15), (0.8, 0.1, 0.1)])
def test_every_class_is_divided_in_the_asked_proportions(parts: tuple[float, float, float]) -> None:
    """Each class gets the fractions within four standard deviations of drawing whole groups."""
    rules = Split(fractions=Fractions(train=parts[0], val=parts[1], test=parts[2]), key="k")
    count = 4000
    divided = splits.divide(_frame(list(range(count)), ["a", "a", "a", "b"] * (count // 4)), rules)
    for _, rows in divided.groupby("label"):
        for part, asked in zip(splits.PARTS, parts, strict=True):
            tolerance = 4 * (asked * (1 - asked) / len(rows)) ** 0.5
            assert (rows["split"] == part).mean() == pytest.approx(asked, abs=tolerance)


def test_key_draws_another_split() -> None:
    """Two keys agree on as many groups as chance has them agree."""
    parts = [[splits.place(f"g{g}", key, FRACTIONS) for g in range(2000)] for key in ("k", "other")]
    agreement = sum(a == b for a, b in zip(*parts, strict=True)) / 2000
    assert agreement == pytest.approx(0.6**2 + 0.2**2 + 0.2**2, abs=0.05)


def test_a_larger_test_fraction_keeps_the_old_test_set() -> None:
    """Raising the share of the test split adds to it and takes nothing away."""
    larger = Fractions(train=0.5, val=0.2, test=0.3)
    names = [f"g{g}" for g in range(1000)]
    tested = {name for name in names if splits.place(name, "k", FRACTIONS) == "test"}
    assert tested < {name for name in names if splits.place(name, "k", larger) == "test"}


def test_class_with_too_few_groups_is_refused() -> None:
    """A class that cannot fill every part ends the run with its name and the remedy."""
    frame = _frame([*range(100), 500, 500, 501], ["a"] * 100 + ["rare"] * 3)
    with pytest.raises(VerdictError, match=r"class `rare`.*min_groups") as caught:
        splits.divide(frame, RULES)
    assert caught.value.exit_code == 3


def test_written_parts_are_read_back(tmp_path: Path) -> None:
    """Equal splits give equal bytes, and reading a part gives each picture once."""
    divided = splits.divide(_frame([*range(100), *range(50)]), RULES)
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    splits.write(divided, first)
    splits.write(divided.copy(), second)
    assert first.read_bytes() == second.read_bytes()
    read = pd.concat(splits.read(first, part) for part in splits.PARTS)
    assert sorted(read["group"]) == sorted({f"g{g}" for g in range(100)})
