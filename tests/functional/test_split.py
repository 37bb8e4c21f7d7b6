"""The split stage, from its files to its files."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines import split
from scanops.data import manifest, splits
from scanops.errors import ConfigError
from tests.manifests import sound

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the stage reads, and its command line."""
    frame = sound({"a": 60, "b": 60}).reindex(columns=manifest.SCHEMA.names)
    frame.loc[3, "quarantined"] = True
    frame.loc[5, ["group", "picture"]] = frame.loc[4, ["group", "picture"]].to_numpy()  # a near copy
    manifest.write(frame.replace({np.nan: None}).astype({"quarantined": bool}), tmp_path / "manifest.parquet")
    (tmp_path / "validation.json").write_text(json.dumps({"verdict": "warn", "warnings": ["Mind the size."]}))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    options = {"manifest": "manifest.parquet", "validation": "validation.json", "params": "params.yaml"}
    outputs = {"splits": "splits.parquet", "report": "splits.json"}
    words = [w for name, file in (options | outputs).items() for w in (f"--{name}", str(tmp_path / file))]
    monkeypatch.setattr(sys, "argv", ["split", *words])
    return tmp_path


def test_usable_images_get_a_part_and_warnings_are_passed_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each usable image of the manifest is in one part, and what validation warned of is in the report."""
    split.main()
    report = json.loads((folder / "splits.json").read_text())
    assert report["warnings"] == ["Mind the size."]
    assert (report["images"], report["pictures"], report["groups_of_many_keys"]) == (119, 118, 1)
    assert len(pd.concat(splits.read(folder / "splits.parquet", part) for part in splits.PARTS)) == 118
    assert "pictures in 118 groups" in capsys.readouterr().out


def test_a_report_that_warns_of_nothing_is_fine(folder: Path) -> None:
    """A report without warnings gives none."""
    (folder / "validation.json").write_text('{"verdict": "pass"}')
    split.main()
    assert json.loads((folder / "splits.json").read_text())["warnings"] == []


@pytest.mark.parametrize("content", ["", "[]", '{"warnings": "no list"}'])
def test_a_damaged_report_is_refused_before_anything_is_written(folder: Path, content: str) -> None:
    """A report that cannot be read ends the stage, which leaves nothing behind."""
    (folder / "validation.json").write_text(content)
    with pytest.raises(ConfigError):
        split.main()
    assert not (folder / "splits.parquet").exists()
