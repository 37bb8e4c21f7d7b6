"""What validation finds in the two public brain-tumour sets; the archives come from SCANOPS_MIRROR."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scanops import config
from scanops.data import manifest
from scanops.digest import hash_file
from tests.conftest import require_part

pytestmark = pytest.mark.real_data
ROOT = Path(__file__).parents[2]
MISNAMED_PNGS = 6


def archive(dataset: str) -> Path:
    """Give the archive of a data set, and hold that it is the one that params.yaml pins."""
    source = config.load(ROOT / "params.yaml").sources[dataset]
    path = Path(os.environ.get("SCANOPS_MIRROR", "")) / str(getattr(source, "archive", ""))
    require_part(path.is_file(), f"no {path.name} in a folder that SCANOPS_MIRROR names")
    assert hash_file(path) == getattr(source, "sha256", None)
    return path


def validate(path: Path, out: Path, code: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """Validate an archive as a person does; give the report and the manifest."""
    command = [sys.executable, "-m", "pipelines.validate", str(path), "--no-cache"]
    outputs = ["--json", str(out / "r.json"), "--manifest", str(out / "m.parquet")]
    done = subprocess.run([*command, *outputs], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    report: dict[str, Any] = json.loads((out / "r.json").read_text(encoding="utf-8"))
    return report, manifest.read(out / "m.parquet")


@pytest.fixture(scope="module")
def four_classes(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], pd.DataFrame]:
    """Validate the 4-class set; its verdict is a warning."""
    return validate(archive("brain-tumor-4class"), tmp_path_factory.mktemp("four"), 0)


@pytest.fixture(scope="module")
def yes_no(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], pd.DataFrame]:
    """Validate the yes/no set; it fails, because so many of its files name someone."""
    return validate(archive("brain-tumor-yes-no"), tmp_path_factory.mktemp("two"), 3)


def test_two_thirds_of_the_supplied_test_split_are_in_training(
    four_classes: tuple[dict[str, Any], pd.DataFrame],
) -> None:
    """251 of 394 test images have the pixels of a training image, counted here anew from the manifest."""
    report, rows = four_classes
    trained = set(rows.loc[rows["supplied_split"] == "train", "pixel_sha256"])
    tested = rows.loc[rows["supplied_split"] == "test", "pixel_sha256"]
    assert report["images"] == len(rows) == 3264
    assert (len(tested), int(tested.isin(trained).sum())) == (394, 251)
    leakage = report["supplied_split_leakage"]
    assert (leakage["test_images"], leakage["leaked"]) == (394, 251)
    assert 1 <= leakage["leaked_nearly"] <= 20


def test_pictures_under_two_labels_are_found(four_classes: tuple[dict[str, Any], pd.DataFrame]) -> None:
    """Two pictures stand under two labels, in changed copies, and all their images are quarantined."""
    report, rows = four_classes
    marked = rows[rows["defects"].map(lambda kinds: "label_conflict" in kinds)]
    assert report["label_conflicts"] == marked["group"].nunique() == 2
    assert report["defects"]["label_conflict"] == len(marked) == 10
    assert (marked.groupby("group")["label"].nunique() == 2).all()
    assert marked["quarantined"].all()
    kept = rows.loc[~rows["quarantined"]].groupby("pixel_sha256")["label"].nunique()
    assert kept.max() == 1


def test_the_size_tells_the_class(four_classes: tuple[dict[str, Any], pd.DataFrame]) -> None:
    """On the supplied split the size alone is right for about two thirds, where the majority is 0.29."""
    report, _ = four_classes
    (size,) = (one for one in report["shortcuts"] if one["feature"] == "size")
    assert size["strong"]
    assert size["as_supplied"]["majority"] == pytest.approx(115 / 394, abs=1e-6)
    low, high = size["as_supplied"]["accuracy"]["ci95"]
    assert low <= 0.68 <= high
    assert low > 0.5
    assert any("size alone tells the class" in warning for warning in report["warnings"])


def test_the_oddities_of_the_yes_no_set(yes_no: tuple[dict[str, Any], pd.DataFrame]) -> None:
    """Six PNGs are named .jpg, 25 files have the bytes of an earlier one, and four modes are mixed."""
    report, rows = yes_no
    assert report["images"] == len(rows) == 253
    misnamed = rows[rows["defects"].map(lambda kinds: "format_mismatch" in kinds)]
    pngs = misnamed[
        (misnamed["format"] == "PNG") & misnamed["path"].str.lower().str.endswith((".jpg", ".jpeg"))
    ]
    assert len(pngs) == MISNAMED_PNGS
    assert report["defects"]["exact_duplicate"] == len(rows) - rows["sha256"].nunique() == 25
    assert report["modes"] == {"L": 30, "P": 1, "RGB": 217, "RGBA": 5}


def test_files_that_name_someone_are_refused(yes_no: tuple[dict[str, Any], pd.DataFrame]) -> None:
    """The set fails as it is, because more files than are allowed name a person or a place."""
    report, rows = yes_no
    assert report["verdict"] == "fail"
    assert report["defects"]["identifying_metadata"] >= 75
    assert rows.loc[rows["defects"].map(lambda kinds: "identifying_metadata" in kinds), "quarantined"].all()
