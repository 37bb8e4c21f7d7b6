"""`make register` and `make challenge`, with a real registry in a file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from scanops.bundle import bundle as bundles
from scanops.config import Tracking
from scanops.release import registry
from tests.functional.test_evaluate_and_gate import ROOT, data, make_bundle
from tests.releases import point

__all__ = ["data"]  # the fixture


@pytest.fixture
def room(data: Path, tmp_path: Path) -> Path:
    """Give a folder with parameters, a registry of its own and a bundle that passed the gate."""
    values = yaml.safe_load((data / "params.yaml").read_text(encoding="utf-8"))
    values["tracking"]["uri"] = f"sqlite:///{tmp_path}/runs.db"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    shutil.copytree(data / "bundle", tmp_path / "bundle")
    pass_gate(tmp_path)
    return tmp_path


def pass_gate(room: Path) -> None:
    """Write the verdict that the gate would give."""
    report = {"verdict": "pass", "bundle_sha256": bundles.hash_bundle(room / "bundle")}
    (room / "gate.json").write_text(json.dumps(report), encoding="utf-8")
    (room / "card.md").write_text(f"# About {report['bundle_sha256']}\n", encoding="utf-8")


def run(room: Path, data: Path, name: str, splits: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as make does."""
    paths = {"bundle": room / "bundle", "gate": room / "gate.json"}
    if name == "challenge":
        paths |= {
            "raw": data / "raw",
            "manifest": data / "manifest.parquet",
            "splits": splits or data / "splits.parquet",
        }
        paths |= {"report": room / "challenge.json"}
    else:
        paths |= {"card": room / "card.md"}
    options = [part for option, path in paths.items() for part in (f"--{option}", str(path))]
    command = [sys.executable, "-m", f"pipelines.{name}", "--params", str(room / "params.yaml"), *options]
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=room, env=environment, capture_output=True, text=True, check=False)


def report_of(room: Path) -> dict[str, Any]:
    """Read the challenge's report."""
    return dict(json.loads((room / "challenge.json").read_text(encoding="utf-8")))


def crown(room: Path, data: Path) -> None:
    """Register the bundle at hand and put it into production."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow leaves there what it was last told
    done = run(room, data, "register")
    assert done.returncode == 0, done.stderr
    rules = Tracking(uri=f"sqlite:///{room}/runs.db")
    point(rules, registry.Version("1", bundles.hash_bundle(room / "bundle")))


def test_without_a_champion_the_gate_alone_decides(room: Path, data: Path) -> None:
    """The first model passes, and the report says that it met nobody."""
    done = run(room, data, "challenge")
    assert done.returncode == 0, done.stderr
    assert "no champion" in done.stdout
    report = report_of(room)
    assert (report["verdict"], report["champion"], report["test_images"]) == ("pass", None, 90)


def test_a_copy_with_two_classes_swapped_is_refused(room: Path, data: Path) -> None:
    """The champion stays where the new model is worse, with exit code 3 and the figures."""
    crown(room, data)
    shutil.rmtree(room / "bundle")
    make_bundle(room / "bundle", data, order=(1, 0, 2))
    pass_gate(room)
    done = run(room, data, "challenge")
    assert done.returncode == 3, done.stderr
    assert "worse" in done.stderr
    report = report_of(room)
    assert report["verdict"] == "refused"
    assert report["difference"]["ci95"][1] < 0
    assert report["champion"]["version"] == "1"
    assert report["warnings"] == []


def test_the_same_bundle_is_a_tie(room: Path, data: Path) -> None:
    """A tie keeps the champion."""
    crown(room, data)
    done = run(room, data, "challenge")
    assert (done.returncode, report_of(room)["verdict"]) == (3, "tie")
    assert "tie" in done.stderr


def test_a_better_model_takes_the_place(room: Path, data: Path) -> None:
    """Better and surely not worse: exit code 0."""
    good = room / "good"
    (room / "bundle").rename(good)
    make_bundle(room / "bundle", data, order=(1, 0, 2))
    pass_gate(room)
    crown(room, data)
    shutil.rmtree(room / "bundle")
    good.rename(room / "bundle")
    pass_gate(room)
    done = run(room, data, "challenge")
    assert done.returncode == 0, done.stderr
    assert report_of(room)["difference"]["ci95"][0] > 0


def test_a_challenger_of_another_split_is_refused(room: Path, data: Path) -> None:
    """After another split, what was taught may be asked: the challenge does not take place."""
    splits = pd.read_parquet(data / "splits.parquet")
    splits["split"] = splits["split"].map({"train": "test", "test": "train"})
    splits.to_parquet(room / "splits.parquet", index=False)
    done = run(room, data, "challenge", room / "splits.parquet")
    assert done.returncode == 2
    assert "was not made from" in done.stderr
    assert not (room / "challenge.json").exists()


def test_a_champion_of_another_split_is_told(room: Path, data: Path) -> None:
    """A champion that other rules split may know test images: report and terminal say so."""
    good = room / "good"
    (room / "bundle").rename(good)
    make_bundle(room / "bundle", data, rules_sha256="b" * 64)
    pass_gate(room)
    crown(room, data)
    shutil.rmtree(room / "bundle")
    good.rename(room / "bundle")
    pass_gate(room)
    done = run(room, data, "challenge")
    (warning,) = report_of(room)["warnings"]
    assert "split by other rules" in warning
    assert f"warning: {warning}" in done.stderr


def test_what_the_gate_refused_is_not_registered(room: Path, data: Path) -> None:
    """Only a bundle with a passing verdict of its own enters the registry."""
    (room / "gate.json").write_text(
        json.dumps({"verdict": "fail", "bundle_sha256": "a" * 64}), encoding="utf-8"
    )
    done = run(room, data, "register")
    assert done.returncode == 3
    assert "nothing ships" in done.stderr
    assert not (room / "runs.db").exists()


def test_the_card_of_another_bundle_is_not_registered(room: Path, data: Path) -> None:
    """A model card goes into the registry with its own bundle alone."""
    (room / "card.md").write_text("# About another\n", encoding="utf-8")
    done = run(room, data, "register")
    assert done.returncode == 3
    assert "is not about bundle" in done.stderr
    assert not (room / "runs.db").exists()
