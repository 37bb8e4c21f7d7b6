"""The class and the supplied split of a file are read from its path alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanops import filenames
from scanops.data.layout import Placed, classify, find, lack_of_classes, require_classes
from scanops.errors import ConfigError, VerdictError


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
        require_classes(classify(paths))


def test_two_classes_are_enough() -> None:
    """There is something to tell apart."""
    layout = classify(["a/1.jpg", "b/1.jpg"])
    assert lack_of_classes(layout) is None
    require_classes(layout)


def test_without_class_folders_every_file_is_looked_at() -> None:
    """There is no class to give, and still something to say of each file, and of the supplied split."""
    layout = classify(["1.jpg", "test/2.jpg", ".hidden.jpg"])
    assert layout.placed == (Placed("1.jpg", None, None), Placed("test/2.jpg", None, "test"))
    assert layout.unplaced == ()


@given(st.lists(st.lists(st.sampled_from(["a", "b", "test", "Train", ".x"]), min_size=1, max_size=4)))
def test_every_visible_file_has_one_place(folders: list[list[str]]) -> None:
    """Whatever the tree, a visible file is placed or unplaced, never both, never lost."""
    paths = {"/".join([*parts, "f.png"]) for parts in folders} | {"a/f.png", "b/f.png"}
    layout = classify(paths)
    visible = {path for path in paths if ".x" not in path.split("/")}
    told = [place.path for place in layout.placed] + list(layout.unplaced)
    assert sorted(told) == sorted(visible)


def test_everything_below_a_folder_is_listed(tmp_path: Path) -> None:
    """Files, links and pipes, sorted by their text; folders are no entries, and links are not entered."""
    (tmp_path / "b" / "deep" / "er").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "b" / "deep" / "er" / "1.png").touch()
    (tmp_path / "a.png").touch()
    (tmp_path / "b" / "up").symlink_to("..")
    (tmp_path / "b" / "dangling").symlink_to("nothing")
    os.mkfifo(tmp_path / "b" / "pipe")
    assert find(tmp_path) == ["a.png", "b/dangling", "b/deep/er/1.png", "b/pipe", "b/up"]


def test_a_root_that_is_a_link_is_entered(tmp_path: Path) -> None:
    """What the user points at may be a link: that is where the data are."""
    (tmp_path / "there" / "a").mkdir(parents=True)
    (tmp_path / "there" / "a" / "1.png").touch()
    (tmp_path / "here").symlink_to("there")
    assert find(tmp_path / "here") == ["a/1.png"]


def test_names_that_are_no_utf8_become_text(tmp_path: Path) -> None:
    """Folder names too: the label of a file is text that every report can hold."""
    folder = tmp_path / os.fsdecode(b"tumeur b\xe9nigne")
    folder.mkdir()
    (folder / os.fsdecode(b"1\xff.png")).touch()
    paths = find(tmp_path)
    assert paths == [r"tumeur b\xe9nigne/1\xff.png"]
    assert (tmp_path / filenames.to_file(paths[0])).exists()
    assert classify([*paths, "no/1.png"]).placed[1].label == r"tumeur b\xe9nigne"


def test_folders_nested_deeper_than_the_stack_are_listed(tmp_path: Path) -> None:
    """A depth that recursion could not follow is no fault."""
    folder = tmp_path / "raw"
    deepest = folder.joinpath(*["d"] * 1200)
    for depth in range(1201):
        folder.joinpath(*["d"] * depth).mkdir()
    (deepest / "1.png").touch()
    try:
        assert find(folder) == ["d/" * 1200 + "1.png"]
    finally:  # shutil.rmtree, which clears tmp_path, does follow by recursion
        (deepest / "1.png").unlink()
        for depth in range(1200, 0, -1):
            folder.joinpath(*["d"] * depth).rmdir()


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated, as root may list anything: exit code 2 with the folder's name, never a part of the data."""
    (tmp_path / "a").mkdir()
    real = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "a":
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ConfigError, match=r"/a: cannot be listed \(Permission denied\)"):
        find(tmp_path)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """Exit code 2 with its name."""
    with pytest.raises(ConfigError, match="nowhere: is not there"):
        find(tmp_path / "nowhere")
