"""Accepting data: written for the named data set, refused for data that failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scanops.errors import ConfigError, VerdictError
from scanops.quality import reference, report
from scanops.quality.report import Judged
from tests.manifests import sound

ROOT = Path(__file__).parents[3]


def _validation(dataset: str = "ours", images: int = 10) -> dict[str, Any]:
    return report.summarise(sound({"a": images, "b": 8}), Judged(), dataset=dataset)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A reference with nothing accepted yet."""
    (tmp_path / "reference.json").write_text('{"datasets": {}}', encoding="utf-8")
    return tmp_path / "reference.json"


def test_the_committed_reference_can_be_read() -> None:
    """Whatever has been accepted in the repository is valid."""
    reference.read(ROOT / "reference.json")


def test_what_is_accepted_is_read_back(empty: Path) -> None:
    """Accepting writes the profile of the report, for later data of that name."""
    profile = reference.accept(empty, "ours", _validation())
    assert reference.read(empty).datasets == {"ours": profile}
    assert profile.classes == {"a": 10, "b": 8}


def test_other_data_sets_stay(empty: Path) -> None:
    """Accepting one data set leaves the others; accepting again replaces; the order is by name."""
    reference.accept(empty, "z", _validation("z"))
    reference.accept(empty, "a", _validation("a"))
    reference.accept(empty, "z", _validation("z", images=12))
    known = reference.read(empty).datasets
    assert list(json.loads(empty.read_text(encoding="utf-8"))["datasets"]) == ["a", "z"]
    assert (known["a"].images, known["z"].images) == (18, 20)


@pytest.mark.parametrize("verdict", ["fail", None, "passed"])
def test_failed_data_are_not_accepted(empty: Path, verdict: str | None) -> None:
    """Data that failed, or were never judged, end with a verdict and change nothing."""
    before = empty.read_bytes()
    with pytest.raises(VerdictError, match="nothing is accepted"):
        reference.accept(empty, "ours", {**_validation(), "verdict": verdict})
    assert empty.read_bytes() == before


def test_the_report_must_be_about_this_data_set(empty: Path) -> None:
    """After a change of `dataset` without a run, the old report is not taken for the new data."""
    with pytest.raises(ConfigError, match="is about 'theirs', not about 'ours'"):
        reference.accept(empty, "ours", _validation("theirs"))
    with pytest.raises(ConfigError, match="holds no profile"):
        reference.accept(empty, "ours", {**_validation(), "profile": None})


def test_a_damaged_reference_is_named(tmp_path: Path) -> None:
    """A missing file, broken JSON, an unknown key and counts that do not fit are mistakes with a remedy."""
    path = tmp_path / "reference.json"
    profile = _validation()["profile"]
    misfit = {**profile, "size": {"edges": [1.0, 2.0], "counts": [1, 2]}}
    falling = {**profile, "size": {"edges": [2.0, 1.0], "counts": [1, 2, 3]}}
    with pytest.raises(ConfigError, match="cannot be read"):
        reference.read(path)
    for content in ("{", '{"data": {}}', *(json.dumps({"datasets": {"x": p}}) for p in (misfit, falling))):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ConfigError, match="Restore it from git"):
            reference.read(path)
