"""The same picture is found whatever its file, and stays together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanops.data.duplicates import group, mark
from scanops.data.scan import Row


def _row(path: str, sha256: str, pixels: str | None) -> Row:
    return Row(path, sha256=sha256, pixel_sha256=pixels)


def test_later_copies_are_marked() -> None:
    """The first file is the original; equal bytes and equal pixels are told apart."""
    rows = [
        _row("a", "1", "x"),
        _row("b", "1", "x"),
        _row("c", "2", "x"),
        _row("d", "2", "x"),
        _row("e", "3", "y"),
    ]
    mark(rows, ["k"] * 5)
    kinds = [[], ["exact_duplicate"], ["pixel_duplicate"], ["exact_duplicate"], []]
    assert [row.defects for row in rows] == kinds
    assert rows[2].notes == ["has the pixels of a"]


def test_conflicting_labels_mark_every_file() -> None:
    """One picture under two labels: none of its files can be trusted, the original neither."""
    rows = [_row("a", "1", "x"), _row("b", "1", "x"), _row("c", "3", "y")]
    mark(rows, ["k", "m", "k"])
    assert ["label_conflict" in row.defects for row in rows] == [True, True, False]


def test_unreadable_files_have_no_group() -> None:
    """Files without pixels are not joined with each other."""
    rows = [_row("a", "1", None), _row("b", "1", None)]
    mark(rows, ["k", "m"])
    assert group(rows, [None, None]) == [None, None]
    assert not rows[0].defects + rows[1].defects


@given(
    st.lists(
        st.tuples(st.integers(0, 6).map(str), st.one_of(st.none(), st.integers(0, 4).map(str))), max_size=40
    )
)
def test_groups_are_the_connected_components(files: list[tuple[str, str | None]]) -> None:
    """Files that share pixels or a patient, directly or through others, share a group; no other do."""
    rows = [_row(str(i), str(i), pixels) for i, (pixels, _) in enumerate(files)]
    patients = [patient for _, patient in files]
    components = [{i} for i in range(len(files))]
    for i, (pixels, patient) in enumerate(files):
        for j in range(i):
            if pixels == files[j][0] or (patient is not None and patient == files[j][1]):
                joined = components[i] | components[j]
                for member in joined:
                    components[member] = joined
    groups = group(rows, patients)
    for i in range(len(files)):
        assert {j for j in range(len(files)) if groups[j] == groups[i]} == components[i]
