"""Outputs appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanops.atomic import replacing, write_json


def test_file_takes_its_place(tmp_path: Path) -> None:
    """A written file replaces the old one, and nothing else stays in the folder."""
    target = tmp_path / "deep" / "report.json"
    for text in ("one", "two"):
        with replacing(target) as draft:
            draft.write_text(text)
        assert target.read_text() == text
    assert [p.name for p in target.parent.iterdir()] == ["report.json"]


def test_folder_takes_its_place(tmp_path: Path) -> None:
    """A folder is replaced as a whole: files of the old one do not shine through."""
    target = tmp_path / "raw"
    for name in ("old", "new"):
        with replacing(target) as draft:
            draft.mkdir()
            (draft / name).touch()
    assert [p.name for p in target.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_the_old_one(tmp_path: Path, fault: type[BaseException]) -> None:
    """After an error or Ctrl-C the target is as it was, and no draft is left."""
    target = tmp_path / "report.json"
    target.write_text("old")

    def half_write() -> None:
        with replacing(target) as draft:
            draft.write_text("half")
            raise fault

    with pytest.raises(fault):
        half_write()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_report_refuses_nan(tmp_path: Path) -> None:
    """A report is JSON that any reader takes: NaN is refused, and nothing is written."""
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "report.json", {"value": float("nan")})
    assert not list(tmp_path.iterdir())
