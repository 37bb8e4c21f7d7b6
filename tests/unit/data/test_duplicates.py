"""The same picture is found whatever its file, and stays together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanops.data.duplicates import Alike, Link, group, link
from scanops.data.scan import Facts


def _facts(path: str, sha256: str, pixels: str | None) -> Facts:
    return Facts(path, sha256=sha256, pixel_sha256=pixels)


def _kinds(links: list[Link]) -> list[list[str]]:
    return [[defect.kind for defect in one.defects] for one in links]


def test_later_copies_are_marked() -> None:
    """The first file is the original; equal bytes and equal pixels are told apart."""
    rows = [("a", "1", "x"), ("b", "1", "x"), ("c", "2", "x"), ("d", "2", "x"), ("e", "3", "y")]
    links = link([_facts(*row) for row in rows], ["k"] * 5, [])
    assert _kinds(links) == [[], ["exact_duplicate"], ["pixel_duplicate"], ["exact_duplicate"], []]
    assert [one.twin for one in links] == [None, "a", "a", "a", None]
    assert [one.similarity for one in links] == [None, 1.0, 1.0, 1.0, None]


def test_the_later_of_two_near_duplicates_is_marked() -> None:
    """It names the earlier picture that it is most like, and a flip; its exact copies are that alone."""
    rows = [("a", "1", "x"), ("b", "2", "y"), ("c", "3", "z"), ("d", "3", "z")]
    alike = [Alike("z", "x", 0.98, mirrored=False), Alike("y", "z", 0.99, mirrored=True)]
    links = link([_facts(*row) for row in rows], ["k"] * 4, alike)
    assert _kinds(links) == [[], [], ["near_duplicate"], ["exact_duplicate"]]
    assert (links[2].twin, links[2].similarity, links[2].mirrored) == ("b", 0.99, True)
    assert len({one.picture for one in links}) == 1


def test_conflicting_labels_mark_every_file() -> None:
    """One picture under two labels, even changed: none of its files can be trusted, the original neither."""
    rows = [_facts("a", "1", "x"), _facts("b", "1", "x"), _facts("c", "3", "y"), _facts("d", "4", "z")]
    links = link(rows, ["k", "m", "k", "k"], [Alike("x", "y", 0.99, mirrored=False)])
    assert ["label_conflict" in kinds for kinds in _kinds(links)] == [True, True, True, False]
    assert [one.twin for one in links] == ["b", "a", "a", None]


def test_unreadable_files_have_no_group() -> None:
    """Files without pixels are not joined with each other."""
    links = link([_facts("a", "1", None), _facts("b", "1", None)], ["k", "m"], [])
    assert group(links, [None, None]) == [None, None]
    assert _kinds(links) == [[], []]


@given(
    st.lists(
        st.tuples(st.integers(0, 6).map(str), st.one_of(st.none(), st.integers(0, 4).map(str))), max_size=40
    ),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=4),
)
def test_groups_are_the_connected_components(
    files: list[tuple[str, str | None]], near: list[tuple[int, int]]
) -> None:
    """Files that share a picture or a patient, directly or through others, share a group; no other do."""
    there = {pixels for pixels, _ in files}
    alike = [
        Alike(str(a), str(b), 0.98, mirrored=False) for a, b in near if a != b and {str(a), str(b)} <= there
    ]
    tied = {frozenset((pair.one, pair.other)) for pair in alike}
    components = [{i} for i in range(len(files))]
    for i, (pixels, patient) in enumerate(files):
        for j in range(i):
            same = pixels == files[j][0] or frozenset((pixels, files[j][0])) in tied
            if same or (patient is not None and patient == files[j][1]):
                joined = components[i] | components[j]
                for member in joined:
                    components[member] = joined
    facts = [_facts(str(i), str(i), pixels) for i, (pixels, _) in enumerate(files)]
    groups = group(link(facts, ["k"] * len(facts), alike), [patient for _, patient in files])
    for i in range(len(files)):
        assert {j for j in range(len(files)) if groups[j] == groups[i]} == components[i]
