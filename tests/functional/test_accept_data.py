"""`accept_data`, run as a person runs it: the profile of the last validation becomes the reference."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scanops import atomic
from scanops.quality import report
from scanops.quality.report import Judged
from tests.manifests import sound

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A validation report on phantoms, an empty reference and the project's parameters."""
    summary = report.summarise(sound({"a": 30, "b": 30}), Judged(), dataset="phantom")
    atomic.write_json(tmp_path / "validation.json", summary)
    atomic.write_json(tmp_path / "reference.json", {"datasets": {}})
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def accept(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command on the files of a folder."""
    options = [
        part
        for name, file in (("params", "yaml"), ("validation", "json"), ("reference", "json"))
        for part in (f"--{name}", str(folder / f"{name}.{file}"))
    ]
    command = [sys.executable, "-m", "pipelines.accept_data", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_validated_data_are_accepted(folder: Path) -> None:
    """The reference holds the profile, and the person is told to commit it."""
    done = accept(folder)
    assert done.returncode == 0, done.stderr
    assert "accept-data: phantom with 60 images in 2 classes; commit" in done.stdout
    known = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
    assert known["datasets"]["phantom"]["classes"] == {"a": 30, "b": 30}


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [({"verdict": "fail"}, 3, "nothing is accepted"), ({"dataset": "other"}, 2, "not about 'phantom'")],
)
def test_the_wrong_data_are_refused(folder: Path, changed: dict[str, str], code: int, message: str) -> None:
    """Failed data end with 3, data of another name with 2; the reference stays as it was."""
    values = json.loads((folder / "validation.json").read_text(encoding="utf-8"))
    atomic.write_json(folder / "validation.json", {**values, **changed})
    before = (folder / "reference.json").read_bytes()
    done = accept(folder)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / "reference.json").read_bytes() == before
