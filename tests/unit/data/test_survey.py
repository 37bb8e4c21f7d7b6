"""One row an image, the same whatever the machine, with what is wrong and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scanops.data import layout, manifest, phantom
from scanops.data.gather import Means
from scanops.data.layout import classify
from scanops.data.survey import look, survey
from scanops.errors import VerdictError
from scanops.validation_rules import Severities, Validation
from tests import dicom_files
from tests.pictures import encode, noise, save


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two classes in supplied splits, with a copy, a conflict, a leak and a broken file."""
    folder = tmp_path / "raw"
    for i in range(6):
        save(folder / "train" / ("yes" if i % 2 else "no") / f"{i}.png", encode(noise(i)))
    save(folder / "train/yes/1 copy.png", encode(noise(1)))
    save(folder / "test/yes/leak.bmp", encode(noise(3), "BMP"))
    save(folder / "test/no/conflict.png", encode(noise(5)))
    save(folder / "test/no/broken.png", b"nothing")
    return folder


def _build(root: Path, rules: Validation, workers: int = 1) -> pd.DataFrame:
    return survey(root, classify(layout.find(root)).placed, rules, Means(workers=workers))


def test_every_file_is_a_row(raw: Path) -> None:
    """Rows are sorted by path, carry label and supplied split, and their ids are unique."""
    frame = _build(raw, Validation())
    assert list(frame.columns) == manifest.SCHEMA.names
    assert list(frame["path"]) == sorted(frame["path"])
    assert len(frame) == 10
    assert frame["image_id"].is_unique
    leak = frame.set_index("path").loc["test/yes/leak.bmp"]
    assert (leak["label"], leak["supplied_split"]) == ("yes", "test")


def test_quarantine_follows_the_severity(raw: Path) -> None:
    """A defect quarantines its image as the parameters say, with the reason; nothing is deleted."""
    before = sorted(raw.rglob("*"))
    frame = _build(raw, Validation()).set_index("path")
    assert set(frame.index[frame["quarantined"]]) == {
        "test/no/broken.png",
        "test/no/conflict.png",
        "train/yes/5.png",
    }
    assert frame.loc["test/no/broken.png", "reason"].startswith("undecodable: ")
    assert pd.isna(frame.loc["train/yes/1 copy.png", "reason"])
    tolerant = Validation(severity=Severities(label_conflict="info", undecodable="info"))
    assert not _build(raw, tolerant)["quarantined"].any()
    assert sorted(raw.rglob("*")) == before


def test_patient_is_read_from_the_path(raw: Path) -> None:
    """A pattern in the parameters names the patient, and joins the patient's images."""
    frame = _build(raw, Validation(patient_pattern=r"/(?P<patient>\d)\."))
    by_path = frame.set_index("path")
    assert by_path.loc["train/no/0.png", "patient"] == "0"
    assert by_path.loc["train/no/0.png", "group"] == "patient:0"


def test_pairs_of_near_duplicates_are_counted_as_pairs(tmp_path: Path) -> None:
    """Of three pictures that are alike, two are marked as copies, and there are three pairs."""
    picture = phantom.draw("glioma", "axial", np.random.default_rng(3))
    for quality in (90, 70, 50):
        save(tmp_path / "a" / f"{quality}.jpg", encode(picture, "JPEG", quality=quality))
    save(tmp_path / "b" / "other.png", encode(noise(7)))
    found = look(tmp_path, classify(layout.find(tmp_path)).placed, Validation(), Means(workers=1))
    assert sum("near_duplicate" in kinds for kinds in found.manifest["defects"]) == 2
    assert found.near_duplicate_pairs == 3


def test_equal_folders_give_equal_bytes(raw: Path, tmp_path: Path) -> None:
    """A manifest written twice, by one worker or two, is the same file, and reads back the same."""
    paths = [tmp_path / name for name in ("a.parquet", "b.parquet")]
    for workers, path in enumerate(paths, start=1):
        manifest.write(_build(raw, Validation(), workers), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    read = manifest.read(paths[0])
    assert list(read["path"]) == sorted(read["path"])
    assert len(manifest.usable(read)) == 7


def test_no_usable_image_is_a_verdict(raw: Path) -> None:
    """When everything is quarantined the run ends with exit code 3, not with an empty model."""
    frame = _build(raw, Validation(min_side_px=500))
    with pytest.raises(VerdictError, match="no usable image"):
        manifest.usable(frame)


def test_frames_are_rows_of_one_patient(raw: Path) -> None:
    """Each frame of a DICOM file is a row; they stay together, and their patient is a pseudonym."""
    frames = np.stack([noise(seed)[..., 0] for seed in range(50, 53)])
    others = np.stack([noise(seed)[..., 0] for seed in range(60, 63)])
    save(raw / "train" / "no" / "named.dcm", dicom_files.encode(frames, PatientID="Roe-17"))
    save(raw / "train" / "no" / "nameless.dcm", dicom_files.encode(others, PatientID=None))
    frame = _build(raw, Validation()).set_index("path")
    named = frame.loc[[f"train/no/named.dcm/frame-{number:04}" for number in range(3)]]
    assert named["pixel_sha256"].nunique() == 3
    assert list(named["label"]) == ["no"] * 3
    assert len(set(named["group"])) == len(set(named["patient"])) == 1
    assert "Roe-17" not in frame.to_csv()
    nameless = frame[frame.index.str.startswith("train/no/nameless.dcm/")]
    assert len(nameless) == 3
    assert len({*nameless["group"], *named["group"]}) == 2
