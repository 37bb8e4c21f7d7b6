"""The judge passes sound data, and each fault changes the verdict."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from scanops.errors import ConfigError
from scanops.quality import expectations
from scanops.quality.declared import Declared
from scanops.quality.expectations import Asked, Finding
from scanops.quality.measure import Measure
from scanops.quality.silent_gx import gxe
from scanops.quality.suites import CLASS_COLUMNS, class_table, image_columns, image_table
from scanops.validation_rules import Severities, Validation
from tests.manifests import sound

RULES = Validation(min_images_per_class=5, max_quarantined_fraction=0.1, max_class_imbalance=3)


def _verdict(
    manifest: pd.DataFrame, docs: Path, rules: Validation = RULES, asked: Asked | None = None
) -> str:
    return expectations.verdict(expectations.judge(manifest, rules, docs, asked))


def _missed(findings: list[Finding]) -> list[tuple[str, str | None]]:
    return [(finding.suite, finding.column) for finding in findings if not finding.success]


def test_sound_data_pass(tmp_path: Path) -> None:
    """Two classes of a sound size meet every expectation, and Data Docs are there to read."""
    assert _verdict(sound({"a": 12, "b": 10}), tmp_path / "docs") == "pass"
    pages = {page.name for page in (tmp_path / "docs").rglob("*.html")}
    assert {"index.html", "images.html", "classes.html"} <= pages


@pytest.mark.parametrize(
    "per_class", [{"a": 12}, {"a": 12, "b": 4}, {"a": 40, "b": 10}], ids=["one", "few", "imbalanced"]
)
def test_faulty_classes_fail(tmp_path: Path, per_class: dict[str, int]) -> None:
    """One class only, a class with too few images, and a gross imbalance each fail."""
    assert _verdict(sound(per_class), tmp_path / "docs") == "fail"


def test_class_without_usable_images_fails(tmp_path: Path) -> None:
    """A class that is quarantined as a whole is not forgotten."""
    manifest = sound({"a": 100, "b": 6})
    manifest.loc[manifest["label"] == "b", "quarantined"] = True
    assert _verdict(manifest, tmp_path / "docs") == "fail"


def test_too_much_quarantine_fails(tmp_path: Path) -> None:
    """More than the allowed share of quarantined images fails the data."""
    manifest = sound({"a": 20, "b": 20})
    manifest.loc[::4, "quarantined"] = True
    assert _verdict(manifest, tmp_path / "docs") == "fail"


@pytest.mark.parametrize(("column", "suspect"), [("pixel_sha256", "leaked"), ("picture", "leaked_nearly")])
def test_a_leak_warns(tmp_path: Path, column: str, suspect: str) -> None:
    """A supplied test image that is in training, exactly or as a near duplicate, is a warning."""
    manifest = sound({"a": 12, "b": 12})
    manifest.loc[0, ["supplied_split", column]] = ["train", "same"]
    manifest.loc[1, ["supplied_split", column]] = ["test", "same"]
    findings = expectations.judge(manifest, RULES, tmp_path / "docs")
    assert expectations.verdict(findings) == "warn"
    assert _missed(findings) == [("images", suspect)]


def test_a_conflict_warns(tmp_path: Path) -> None:
    """A label conflict is a warning even where its images are merely left out."""
    manifest = sound({"a": 12, "b": 12}, defects=[["label_conflict"], *[[]] * 23])
    assert _verdict(manifest, tmp_path / "docs") == "warn"


@pytest.mark.parametrize("kind", list(Severities.model_fields))
def test_every_kind_can_fail_the_data(tmp_path: Path, kind: str) -> None:
    """A kind whose severity is `fail` fails the data with one image."""
    manifest = sound({"a": 12, "b": 12}, defects=[[], [kind], *[[]] * 22])
    strict = RULES.model_copy(update={"severity": Severities.model_validate({kind: "fail"})})
    assert _verdict(manifest, tmp_path / "docs", strict) == "fail"


def test_measures_beyond_their_bound_warn_and_are_published(tmp_path: Path) -> None:
    """Drift and shortcuts are expectations with a page of their own; a value on its bound is met."""
    drift = [Measure("size_psi", 0.25, 0.25, "stays"), Measure("share [a/'b\"]", 0.3, 0.1, "stays too")]
    asked = Asked(drift=drift, shortcuts=[Measure("border", 0.4, 0.1, "tells nothing")])
    findings = expectations.judge(sound({"a": 12, "b": 12}), RULES, tmp_path / "docs", asked)
    assert expectations.verdict(findings) == "warn"
    assert _missed(findings) == [("drift", "share [a/'b\"]"), ("shortcuts", "border")]
    (moved,) = [finding for finding in findings if finding.column == "share [a/'b\"]"]
    assert (moved.observed, moved.severity, moved.meaning) == (0.3, "warning", "stays too")
    pages = {page.name for page in (tmp_path / "docs").rglob("*.html")}
    assert {"drift.html", "shortcuts.html"} <= pages


def test_declared_expectations_are_judged(tmp_path: Path) -> None:
    """What an engineer asks of images and classes counts like our own, with its own severity."""
    wide = gxe.ExpectColumnValuesToBeBetween(column="width", min_value=200, severity="warning", notes="wide")
    many = gxe.ExpectColumnMinToBeBetween(column="images", min_value=50, severity="critical", notes="many")
    manifest = sound({"a": 12, "b": 12})
    for own, verdict in ((Declared(images=(wide,)), "warn"), (Declared(classes=(many,)), "fail")):
        assert _verdict(manifest, tmp_path / "docs", asked=Asked(declared=own)) == verdict


def test_what_cannot_be_computed_is_a_mistake_and_no_verdict(tmp_path: Path) -> None:
    """Text held against a number ends with the expectation's name, and leaves no pages behind."""
    odd = gxe.ExpectColumnValuesToBeBetween(column="label", min_value=1)
    with pytest.raises(ConfigError, match="images: expect_column_values_to_be_between of label: cannot be"):
        _verdict(sound({"a": 12, "b": 12}), tmp_path / "docs", asked=Asked(declared=Declared(images=(odd,))))
    assert not (tmp_path / "docs").exists()


def test_the_tables_have_the_columns_that_are_promised() -> None:
    """Columns that a declared expectation may name are those that the judge lays out."""
    manifest = sound({"a": 3, "b": 3})
    assert set(image_table(manifest).columns) == set(image_columns(list(manifest.columns)))
    assert tuple(class_table(manifest).columns) == CLASS_COLUMNS


def test_pages_are_a_function_of_the_data(tmp_path: Path) -> None:
    """Two runs over the same data have the same findings."""
    first, second = (
        expectations.judge(sound({"a": 12, "b": 12}), RULES, tmp_path / name) for name in ("one", "two")
    )
    assert first == second
