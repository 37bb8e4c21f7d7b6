"""What is kept of a scan is thrown away when the code that measured it changes."""

from __future__ import annotations

from pathlib import Path

from scanops.data.scan import Bounds
from scanops.data.scan_cache import MEASURING, place
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
