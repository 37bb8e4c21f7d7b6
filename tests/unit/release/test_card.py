"""A card goes with its own bundle, and changes nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanops.bundle import bundle as bundles
from scanops.errors import ConfigError, VerdictError
from scanops.release import card
from tests.bundles import make_bundle


def test_a_bundle_travels_with_its_card(tmp_path: Path) -> None:
    """The copy holds both under the bundle's old name, the original stays as it was, and the copy goes."""
    bundle = make_bundle(tmp_path / "bundle")
    before = sorted(path.name for path in bundle.iterdir())
    (tmp_path / "card.md").write_text(f"# {bundles.hash_bundle(bundle)}\n", encoding="utf-8")
    with card.with_bundle(bundle, tmp_path / "card.md") as shipped:
        assert bundles.hash_bundle(shipped) == bundles.hash_bundle(bundle)
        assert bundles.read(shipped) == bundles.read(bundle)
        assert sorted(path.name for path in shipped.iterdir()) == sorted([*before, card.NAME])
        assert (shipped / card.NAME).read_bytes() == (tmp_path / "card.md").read_bytes()
    assert not shipped.exists()
    assert sorted(path.name for path in bundle.iterdir()) == before


def test_a_card_of_another_bundle_is_refused(tmp_path: Path) -> None:
    """What it praises is not what would ship."""
    (tmp_path / "card.md").write_text("# abc\n", encoding="utf-8")
    with (
        pytest.raises(VerdictError, match="is not about bundle"),
        card.with_bundle(make_bundle(tmp_path / "bundle"), tmp_path / "card.md"),
    ):
        pass


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_card_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    """A missing or damaged card ends with a remedy."""
    if content is not None:
        (tmp_path / "card.md").write_bytes(content)
    with pytest.raises(ConfigError, match="make repro"):
        card.read(tmp_path / "card.md", "a" * 64)
