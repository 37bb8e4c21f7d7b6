"""What is kept of a scan is thrown away when the code that measured it changes."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from PIL import features

from scanops.data import scan_cache
from scanops.data.scan import Bounds, Facts
from scanops.data.scan_cache import MEASURING, Kept, place, read, write
from tests.contract.imports import ROOT, sources

# Imported by the measuring code, and without a say in what is measured.
NEUTRAL = {"errors.py", "filenames.py", "plain_files.py"}


def test_all_code_that_measures_is_in_the_key() -> None:
    """Whatever a scan of one file imports decides what it finds, and so do the near duplicates."""
    package = ROOT / "src" / "scanops"
    imported = {*sources("scanops.data.scan"), *sources("scanops.data.near_duplicates")}
    assert {file.relative_to(package).as_posix() for file in imported} - NEUTRAL == set(MEASURING)


def test_a_place_depends_on_folder_and_bounds(tmp_path: Path) -> None:
    """Two folders, or two bounds, never share what is kept."""
    places = {
        place(tmp_path, folder, bounds)
        for folder in (tmp_path / "a", tmp_path / "b")
        for bounds in (Bounds(1, 1), Bounds(2, 1))
    }
    assert len(places) == 4


@pytest.mark.parametrize("package", ["pydicom", "numpy", "faiss-cpu", "pylibjpeg"])
def test_a_place_depends_on_the_packages_that_decode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """Another version, or a decoder that was not there before, may read what could not be read."""
    before, real = place(tmp_path, tmp_path, Bounds(1, 1)), metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0" if name == package else real(name))
    assert place(tmp_path, tmp_path, Bounds(1, 1)) != before


def test_a_place_depends_on_the_codecs_of_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow of one version may be built with another libjpeg, whose pixels differ."""
    before, real = place(tmp_path, tmp_path, Bounds(1, 1)), features.version
    monkeypatch.setattr(features, "version", lambda name: "0" if name == "jpg" else real(name))
    assert place(tmp_path, tmp_path, Bounds(1, 1)) != before


def test_what_older_code_kept_of_the_same_data_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One place is left for a folder and bounds; other folders, other bounds and foreign files stay."""
    kept = Kept({"a": ((1, 1), [Facts("a", sha256="s")])})
    others = [place(tmp_path, tmp_path / "other", Bounds(1, 1)), place(tmp_path, tmp_path, Bounds(2, 1))]
    older = place(tmp_path, tmp_path, Bounds(1, 1))
    foreign = older.with_name(f"{older.name.partition('-')[0]}-{'0' * 16}")
    for each in (*others, older):
        write(each, kept)
    foreign.mkdir()
    (foreign / "thesis.txt").touch()
    (older.parent / "notes").touch()
    monkeypatch.setattr(scan_cache, "PACKAGES", ("pydicom",))
    newer = place(tmp_path, tmp_path, Bounds(1, 1))
    write(newer, kept)
    assert set(older.parent.iterdir()) == {*others, newer, foreign, older.parent / "notes"}
    assert all(read(each, views=True).files for each in (*others, newer))
