"""A bundle is examined only by what it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanops.bundle import bundle as bundles
from scanops.bundle import origin
from scanops.digest import hash_file
from scanops.errors import ConfigError
from tests.bundles import make_bundle


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    """Two files that stand for manifest and splits."""
    for name in ("manifest", "splits"):
        (tmp_path / name).write_text(name)
    return tmp_path / "manifest", tmp_path / "splits"


@pytest.fixture
def made(tables: tuple[Path, Path], tmp_path: Path) -> bundles.Bundle:
    """A description of a bundle that was made from them."""
    manifest, splits = map(hash_file, tables)
    described = bundles.read(make_bundle(tmp_path / "bundle"))
    return described.model_copy(update={"data_sha256": manifest, "splits_sha256": splits})


def test_its_own_tables_are_taken(made: bundles.Bundle, tables: tuple[Path, Path]) -> None:
    """What it was made from may examine it."""
    origin.require(made, *tables)


@pytest.mark.parametrize("place", [0, 1])
def test_other_tables_are_refused(place: int, made: bundles.Bundle, tables: tuple[Path, Path]) -> None:
    """A table that changed since is named, and so is one that is not there."""
    tables[place].write_text("another")
    with pytest.raises(ConfigError, match=rf"{tables[place].name} as it is now.*make repro"):
        origin.require(made, *tables)
    tables[place].unlink()
    with pytest.raises(ConfigError, match=rf"{tables[place].name}: cannot be read"):
        origin.require(made, *tables)


def test_a_bundle_that_does_not_say_is_refused(made: bundles.Bundle, tables: tuple[Path, Path]) -> None:
    """A bundle from before the splits were noted cannot be known not to have learnt from test images."""
    older = made.model_copy(update={"splits_sha256": None})
    with pytest.raises(ConfigError, match="does not say"):
        origin.require(older, *tables)


@pytest.mark.parametrize(
    ("rules_sha256", "told"), [("a" * 64, None), ("b" * 64, "other rules"), (None, "does not say")]
)
def test_a_champion_of_other_rules_is_doubted(
    rules_sha256: str | None, told: str | None, made: bundles.Bundle
) -> None:
    """Other data under the same rules are no reason for doubt, other or unknown rules are."""
    champion = made.model_copy(update={"split_rules_sha256": rules_sha256, "data_sha256": "c" * 64})
    challenger = made.model_copy(update={"split_rules_sha256": "a" * 64})
    found = origin.doubt(champion, challenger, joined=0)
    assert found is None if told is None else told in str(found)


def test_a_champion_of_other_data_is_doubted_where_groups_have_joined(made: bundles.Bundle) -> None:
    """An added picture can take a group from train to test; the same data cannot."""
    older = made.model_copy(update={"data_sha256": "c" * 64})
    assert "of the 3 test images" in str(origin.doubt(older, made, joined=3))
    assert origin.doubt(made, made, joined=3) is None
