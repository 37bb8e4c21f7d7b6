"""The report on the data: its counts are those of the manifest, its warnings those of the judge."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scanops import reports
from scanops.quality import drift, expectations, report, shortcuts
from scanops.quality.expectations import Asked
from scanops.quality.profile import describe
from scanops.quality.report import Judged
from scanops.validation_rules import Validation
from tests.manifests import sound

# What DESIGN promises to everybody who reads reports/validation.json.
CONTRACT = {
    "verdict",
    "images",
    "usable",
    "quarantined",
    "defects",
    "duplicate_groups",
    "label_conflicts",
    "supplied_split_leakage",
}


@pytest.fixture
def faulty() -> pd.DataFrame:
    """Six images: a copy in test, a near copy in test under another label, one that cannot be read."""
    manifest = sound({"a": 3, "b": 3}).astype({"supplied_split": object, "mode": object, "format": object})
    manifest["supplied_split"] = ["train", "test", "train", "train", "test", "test"]
    manifest["pixel_sha256"] = ["x", "x", "y", "z", "y2", None]
    manifest["picture"] = ["x", "x", "y", "z", "y", None]
    kinds: list[list[str]] = [[], ["exact_duplicate"], [], [], ["near_duplicate"], ["undecodable"]]
    manifest["defects"] = kinds
    manifest["mirrored"] = [False] * 4 + [True, False]
    manifest["patient"] = ["p", "p", None, "q", None, None]
    manifest["mode"] = ["L", "L", "RGB", "L", "L", None]
    manifest["format"] = ["PNG", "PNG", "DICOM", "PNG", "JPEG", None]
    manifest.loc[2, "path"] = "a/series.dcm/frame-0000"
    manifest.loc[5, ["quarantined", "reason"]] = [True, "undecodable: is not an image"]
    return manifest


def test_the_counts_are_those_of_the_manifest(faulty: pd.DataFrame) -> None:
    """Copies, leaks, conflicts, contents and quarantine are counted as they stand."""
    summary = report.summarise(faulty, Judged(), ["stray.png"], "ours", 4)
    assert set(summary) >= CONTRACT
    expected = {
        "dataset": "ours",
        "images": 6,
        "usable": 5,
        "quarantined": 1,
        "duplicate_groups": 2,
        "near_duplicate_pairs": 4,
        "mirrored": 1,
        "label_conflicts": 1,
        "patients": 2,
        "frames": 1,
        "modes": {"L": 4, "RGB": 1},
        "formats": {"DICOM": 1, "JPEG": 1, "PNG": 3},
        "supplied_split_leakage": {"test_images": 2, "leaked": 1, "leaked_nearly": 1},
        "quarantine": [{"path": "b/000005.png", "reason": "undecodable: is not an image"}],
        "unplaced": ["stray.png"],
        "reference": "none",
        "drift": [],
        "shortcuts": [],
        "warnings": [],
    }
    assert {key: summary[key] for key in expected} == expected
    assert summary["defects"]["undecodable"] == 1
    assert summary["classes"]["b"] == {"images": 3, "usable": 2}
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_only_frames_of_dicom_files_are_counted_as_frames() -> None:
    """A file that is itself called `frame-0007` is a file, whatever it holds."""
    paths = ["a/frame-0007", "a/frame-0008", "a/s.dcm/frame-0000", "a/s.dcm/frame-0001", "b/1.png", "b/2.dcm"]
    manifest = sound({"a": 4, "b": 2}, path=paths, format=["PNG", *["DICOM"] * 3, "PNG", "DICOM"])
    assert report.summarise(manifest, Judged())["frames"] == 2


def test_conflicting_pairs_are_listed(faulty: pd.DataFrame) -> None:
    """Each other label of a picture is shown beside the first one, once."""
    summary = report.summarise(faulty, Judged())
    pair = {"path": "b/000004.png", "label": "b", "other": "a/series.dcm/frame-0000", "other_label": "a"}
    assert summary["label_conflict_pairs"] == [pair]
    many = sound({"a": 200, "b": 200})
    many["picture"] = [f"p{i % 200}" for i in range(400)]
    listed = report.summarise(many, Judged())
    assert listed["label_conflicts"] == 200
    assert len(listed["label_conflict_pairs"]) == report.LISTED


def test_what_is_leaked_is_not_leaked_nearly(faulty: pd.DataFrame) -> None:
    """An exact copy in training is counted once, though its picture is in training as well."""
    faulty.loc[4, ["pixel_sha256", "picture"]] = ["y", "y"]
    leakage = report.summarise(faulty, Judged())["supplied_split_leakage"]
    assert leakage == {"test_images": 2, "leaked": 2, "leaked_nearly": 0}


def test_unreadable_images_are_no_copies_of_each_other(faulty: pd.DataFrame) -> None:
    """Two files that cannot be read share no picture, so they neither repeat nor leak."""
    faulty.loc[3, ["pixel_sha256", "picture"]] = [None, None]
    summary = report.summarise(faulty, Judged())
    assert summary["duplicate_groups"] == 2
    assert summary["supplied_split_leakage"]["leaked"] == 1


def test_warnings_are_sentences_that_later_reports_can_carry(tmp_path: Path) -> None:
    """A strong shortcut, drift and a leak are a sentence each, and make the verdict `warn`."""
    rules = Validation(min_images_per_class=5)
    manifest = sound({"a": 60, "b": 60})
    before = describe(manifest)
    assert before is not None
    border = np.where(manifest["label"] == "a", 0.0, 50.0)
    manifest = manifest.assign(border=border, mean=manifest["mean"] + 60)
    manifest.loc[0, ["supplied_split", "pixel_sha256"]] = ["train", "same"]
    manifest.loc[1, ["supplied_split", "pixel_sha256"]] = ["test", "same"]
    found = shortcuts.find(manifest, rules.shortcut_margin)
    moved = drift.compare(manifest, before, rules.drift)
    asked = Asked(drift=moved, shortcuts=shortcuts.measures(found, rules.shortcut_margin))
    findings = expectations.judge(manifest, rules, tmp_path / "docs", asked)
    summary = report.summarise(manifest, Judged(findings, found, moved), dataset="ours")
    assert (summary["verdict"], summary["reference"]) == ("warn", "accepted")
    told = reports.warnings(summary)
    assert len(told) == 3
    assert told[0].startswith("the mean grey level of the border alone tells the class: accuracy 1.00")
    assert told[1] == "not met: no image of the supplied test split is in its training split (seen: 1)"
    assert told[2].startswith("not met: the mean grey level keeps its distribution")
    assert [m["measure"] for m in summary["drift"] if m["drifted"]] == ["intensity_psi"]
    assert [s["feature"] for s in summary["shortcuts"] if s["strong"]] == ["border"]
    line = report.sentence(summary)
    assert "the class can be told from border alone" in line
    assert "drift of intensity_psi" in line
    assert "1 of 1 supplied test images are in training" in line


def test_sound_data_have_no_warning(tmp_path: Path) -> None:
    """Data without a fault, compared with themselves, pass and warn of nothing."""
    rules = Validation(min_images_per_class=5)
    rng = np.random.default_rng(4)
    manifest = sound({"a": 60, "b": 60}).assign(mean=rng.normal(80, 9, 120), border=rng.normal(5, 1, 120))
    before = describe(manifest)
    assert before is not None
    found = shortcuts.find(manifest, rules.shortcut_margin)
    moved = drift.compare(manifest, before, rules.drift)
    asked = Asked(drift=moved, shortcuts=shortcuts.measures(found, rules.shortcut_margin))
    findings = expectations.judge(manifest, rules, tmp_path / "docs", asked)
    summary = report.summarise(manifest, Judged(findings, found, moved))
    assert (summary["verdict"], summary["warnings"]) == ("pass", [])
    assert report.sentence(summary).startswith("validation: pass, 120 images, 0 quarantined")


def test_nothing_usable_is_still_reported() -> None:
    """Data of which nothing is left have counts, no profile, and one line."""
    manifest = sound({"a": 2, "b": 2}).assign(quarantined=True, reason="blank: is blank")
    summary = report.summarise(manifest, Judged())
    assert (summary["usable"], summary["profile"]) == (0, None)
    assert "4 quarantined" in report.sentence(summary)
