"""Sheets choose the same images each time, and put each beside the right other one."""

from __future__ import annotations

import pytest

from scanops.quality import contact_sheets, glossary
from scanops.validation_rules import Severities, Validation
from tests import manifests, validated


def test_choice_does_not_hang_on_the_order_of_rows() -> None:
    """A shuffled manifest gives the same sheets."""
    frame = validated.manifest()
    shuffled = frame.sample(frac=1, random_state=7).reset_index(drop=True)
    assert contact_sheets.for_defects(shuffled) == contact_sheets.for_defects(frame)
    assert contact_sheets.for_leakage(shuffled) == contact_sheets.for_leakage(frame)


def test_conflict_of_a_copy_is_shown_with_the_other_class() -> None:
    """A copy's twin may stand under its own label: the conflict is shown with an image of the other."""
    frame = manifests.sound(
        {"a": 2, "b": 1},
        sha256=["s", "s", "t"],
        pixel_sha256=["p"] * 3,
        picture=["p"] * 3,
        twin=["b/000002.png", "a/000000.png", "a/000000.png"],
        similarity=[1.0] * 3,
        defects=[
            ["label_conflict"],
            ["exact_duplicate", "label_conflict"],
            ["pixel_duplicate", "label_conflict"],
        ],
    )
    sheets = {sheet.kind: sheet for sheet in contact_sheets.for_defects(frame)}
    conflict = sheets["label_conflict"]
    assert conflict.total == 2
    assert all(entry.other and entry.image.label != entry.other.label for entry in conflict.entries)
    assert [entry.relation for entry in sheets["exact_duplicate"].entries] == ["same bytes"]


def test_bytes_are_claimed_only_where_they_are_the_same() -> None:
    """An exact copy of a later file is shown beside the first of the picture: the same pixels, not bytes."""
    frame = manifests.sound(
        {"a": 3},
        sha256=["s", "t", "t"],
        pixel_sha256=["p"] * 3,
        picture=["p"] * 3,
        twin=[None, "a/000000.png", "a/000000.png"],
        similarity=[None, 1.0, 1.0],
        defects=[[], ["pixel_duplicate"], ["exact_duplicate"]],
    )
    assert [sheet.entries[0].relation for sheet in contact_sheets.for_defects(frame)] == ["same pixels"] * 2


def test_least_alike_come_first() -> None:
    """Of near duplicates those are shown that need a second look most."""
    count = 20
    frame = manifests.sound(
        {"a": count},
        sha256=[str(row) for row in range(count)],
        picture=["p"] * count,
        twin=[None] + ["a/000000.png"] * (count - 1),
        similarity=[None] + [1 - row / 1000 for row in range(1, count)],
        defects=[[]] + [["near_duplicate"]] * (count - 1),
    )
    (sheet,) = contact_sheets.for_defects(frame)
    assert sheet.total == 19
    assert [entry.relation for entry in sheet.entries][:2] == ["similarity 0.981", "similarity 0.982"]
    assert len(sheet.entries) == contact_sheets.MAX_SHOWN


def test_leak_through_others_is_not_given_a_similarity() -> None:
    """Two images that are joined by a third were not compared; the page does not invent a figure."""
    frame = manifests.sound(
        {"a": 3},
        supplied_split=["test", "val", "train"],
        sha256=["s", "t", "u"],
        picture=["p"] * 3,
        twin=[None, "a/000000.png", "a/000001.png"],
        similarity=[None, 0.97, 0.98],
    )
    (sheet,) = contact_sheets.for_leakage(frame)
    assert sheet.kind == "leaked_nearly"
    assert [entry.relation for entry in sheet.entries] == ["joined through other images"]


@pytest.mark.parametrize(
    ("kind", "fact"),
    [
        ("too_small", "128 × 128 px"),
        ("blank", "standard deviation 40.00"),
        ("format_mismatch", "is PNG"),
        ("colour_image", "mode L"),
        ("undecodable", "why"),
        ("made_up", "undecodable: why"),
    ],
)
def test_sheet_says_what_was_seen(kind: str, fact: str) -> None:
    """Each image carries the figure that made it a defect, or the reason; an unknown kind has a sheet too."""
    frame = manifests.sound({"a": 1}, defects=[[kind]], reason=["undecodable: why"], sha256=["s"])
    (sheet,) = contact_sheets.for_defects(frame)
    assert (sheet.kind, sheet.entries[0].image.fact) == (kind, fact)


def test_every_kind_is_explained() -> None:
    """The glossary knows each kind of the rules, and only keys that the rules have."""
    assert list(glossary.MEANINGS) == list(Severities.model_fields)
    for term in glossary.terms(Validation()):
        assert term.definition
        assert term.severity == getattr(Severities(), term.kind)
    assert {name for _, _, names in glossary.MEANINGS.values() for name in names} <= set(
        Validation.model_fields
    )
