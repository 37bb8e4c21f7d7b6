"""Reports are read back whole, and their warnings go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanops import atomic, reports
from scanops.errors import ConfigError


def test_a_report_is_read_back(tmp_path: Path) -> None:
    """What a stage wrote is what the next one reads."""
    atomic.write_json(tmp_path / "report.json", {"verdict": "warn", "warnings": ["a", "b"]})
    report = reports.read(tmp_path / "report.json")
    assert report["verdict"] == "warn"
    assert reports.warnings(report) == ["a", "b"]


def test_a_report_without_warnings_has_none() -> None:
    """The key may be missing."""
    assert reports.warnings({}) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "7"])
def test_a_damaged_report_is_a_mistake_with_a_remedy(tmp_path: Path, text: str) -> None:
    """Broken JSON, and JSON that is no mapping, name the file."""
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    for path in (tmp_path / "report.json", tmp_path / "gone.json"):
        with pytest.raises(ConfigError, match="make repro") as raised:
            reports.read(path)
        assert raised.value.subject == str(path)


@pytest.mark.parametrize("warnings", ["one", {"a": 1}, [1], None])
def test_warnings_are_sentences(warnings: object) -> None:
    """Anything but a list of sentences is refused, not shown."""
    with pytest.raises(ConfigError, match="no list of sentences"):
        reports.warnings({"warnings": warnings})
