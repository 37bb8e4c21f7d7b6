"""The judge passes sound data, and each fault changes the verdict."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from scanops.config import Severities, Validation
from scanops.quality import expectations, report

RULES = Validation(min_images_per_class=5, max_quarantined_fraction=0.1, max_class_imbalance=3)


def _manifest(per_class: dict[str, int], defects: dict[int, str] | None = None) -> pd.DataFrame:
    labels = [label for label, count in per_class.items() for _ in range(count)]
    count = len(labels)
    return pd.DataFrame(
        {
            "image_id": [f"{i:016}" for i in range(count)],
            "path": [f"{label}/{i}.png" for i, label in enumerate(labels)],
            "label": labels,
            "supplied_split": [None] * count,
            "pixel_sha256": [f"p{i}" for i in range(count)],
            "defects": [[defects[i]] if defects and i in defects else [] for i in range(count)],
            "quarantined": [False] * count,
            "reason": [None] * count,
        }
    )


def _verdict(manifest: pd.DataFrame, docs: Path, rules: Validation = RULES) -> str:
    return expectations.verdict(expectations.judge(manifest, report.leaked(manifest), rules, docs))


def test_sound_data_pass(tmp_path: Path) -> None:
    """Two classes of a sound size meet every expectation, and Data Docs are there to read."""
    assert _verdict(_manifest({"a": 12, "b": 10}), tmp_path / "docs") == "pass"
    pages = {page.name for page in (tmp_path / "docs").rglob("*.html")}
    assert {"index.html", "images.html", "classes.html"} <= pages


@pytest.mark.parametrize(
    "per_class", [{"a": 12}, {"a": 12, "b": 4}, {"a": 40, "b": 10}], ids=["one", "few", "imbalanced"]
)
def test_faulty_classes_fail(tmp_path: Path, per_class: dict[str, int]) -> None:
    """One class only, a class with too few images, and a gross imbalance each fail."""
    assert _verdict(_manifest(per_class), tmp_path / "docs") == "fail"


def test_class_without_usable_images_fails(tmp_path: Path) -> None:
    """A class that is quarantined as a whole is not forgotten."""
    manifest = _manifest({"a": 100, "b": 6})
    manifest.loc[manifest["label"] == "b", "quarantined"] = True
    assert _verdict(manifest, tmp_path / "docs") == "fail"


def test_too_much_quarantine_fails(tmp_path: Path) -> None:
    """More than the allowed share of quarantined images fails the data."""
    manifest = _manifest({"a": 20, "b": 20})
    manifest.loc[::4, "quarantined"] = True
    assert _verdict(manifest, tmp_path / "docs") == "fail"


def test_leak_and_conflict_warn(tmp_path: Path) -> None:
    """A supplied test image that is in training, and a label conflict, are warnings."""
    manifest = _manifest({"a": 12, "b": 12})
    manifest.loc[0, ["supplied_split", "pixel_sha256"]] = ["train", "same"]
    manifest.loc[1, ["supplied_split", "pixel_sha256"]] = ["test", "same"]
    assert _verdict(manifest, tmp_path / "docs") == "warn"
    conflicted = _manifest({"a": 12, "b": 12}, defects={0: "label_conflict"})
    assert _verdict(conflicted, tmp_path / "docs") == "warn"


@pytest.mark.parametrize("kind", list(Severities.model_fields))
def test_every_kind_can_fail_the_data(tmp_path: Path, kind: str) -> None:
    """A kind whose severity is `fail` fails the data with one image."""
    manifest = _manifest({"a": 12, "b": 12}, defects={3: kind})
    strict = RULES.model_copy(update={"severity": Severities.model_validate({kind: "fail"})})
    assert _verdict(manifest, tmp_path / "docs", strict) == "fail"


def test_report_counts_what_is_there() -> None:
    """Counts, leakage and quarantine of the report are those of the manifest."""
    manifest = _manifest({"a": 3, "b": 3}, defects={5: "undecodable"})
    manifest["supplied_split"] = ["train", "test", "train", "train", "test", "test"]
    manifest["pixel_sha256"] = ["x", "x", "y", "z", "w", None]
    manifest.loc[5, ["quarantined", "reason"]] = [True, "undecodable: is not an image"]
    summary = report.summarise(manifest, [])
    assert summary["images"] == 6
    assert summary["usable"] == 5
    assert summary["defects"]["undecodable"] == 1
    assert summary["duplicate_groups"] == 1
    assert summary["label_conflicts"] == 0
    assert summary["supplied_split_leakage"] == {"test_images": 2, "leaked": 1}
    assert summary["quarantine"] == [{"path": "b/5.png", "reason": "undecodable: is not an image"}]
    assert summary["classes"]["b"] == {"images": 3, "usable": 2}
