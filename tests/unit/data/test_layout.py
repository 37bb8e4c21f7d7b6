"""The class and the supplied split of a file are read from its path alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanops.data.layout import classify
from scanops.errors import VerdictError


@pytest.mark.parametrize(
    ("path", "label", "split"),
    [
        ("yes/1.jpg", "yes", None),
        ("Training/glioma/1.jpg", "glioma", "train"),
        ("Testing/glioma/1.jpg", "glioma", "test"),
        ("archive/valid/0/1.jpg", "0", "val"),
        ("train/data/yes/1.jpg", "yes", "train"),
        ("brain_tumor_dataset/yes/1 copy.jpg", "yes", None),
    ],
)
def test_layouts_of_the_field(path: str, label: str, split: str | None) -> None:
    """Class folders are found with and without split folders, nested or not, in any case."""
    placed = {place.path: place for place in classify([path, "other/x.jpg"]).placed}
    assert (placed[path].label, placed[path].supplied_split) == (label, split)


def test_files_beside_the_classes_are_told() -> None:
    """A file outside any class folder is not silently lost; hidden ones are passed over."""
    layout = classify(["readme.txt", "test/x.jpg", "a/1.jpg", "b/1.jpg", ".git/x", "a/.DS_Store"])
    assert layout.unplaced == ("readme.txt", "test/x.jpg")
    assert [place.path for place in layout.placed] == ["a/1.jpg", "b/1.jpg"]


@pytest.mark.parametrize(
    ("paths", "fault"),
    [([], "no files"), (["1.jpg"], "no class folders"), (["a/1.jpg", "a/2.jpg"], "one class only, `a`")],
)
def test_too_few_classes_are_refused(paths: list[str], fault: str) -> None:
    """Nothing, no classes, and one class each end with exit code 3 and what was found."""
    with pytest.raises(VerdictError, match=fault):
        classify(paths)


@given(st.lists(st.lists(st.sampled_from(["a", "b", "test", "Train", ".x"]), min_size=1, max_size=4)))
def test_every_visible_file_has_one_place(folders: list[list[str]]) -> None:
    """Whatever the tree, a visible file is placed or unplaced, never both, never lost."""
    paths = {"/".join([*parts, "f.png"]) for parts in folders} | {"a/f.png", "b/f.png"}
    layout = classify(paths)
    visible = {path for path in paths if ".x" not in path.split("/")}
    told = [place.path for place in layout.placed] + list(layout.unplaced)
    assert sorted(told) == sorted(visible)
