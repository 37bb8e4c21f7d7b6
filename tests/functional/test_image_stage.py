"""The stage `image` refuses what is too slow or not described, before any engine is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scanops.bundle import bundle as bundles
from tests.bundles import make_bundle

ROOT = Path(__file__).parents[2]


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A bundle that passed the gate, and its card."""
    sha256 = bundles.hash_bundle(make_bundle(tmp_path / "bundle"))
    (tmp_path / "gate.json").write_text(json.dumps({"verdict": "pass", "bundle_sha256": sha256}))
    (tmp_path / "card.md").write_text(f"# About {sha256}\n")
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    return tmp_path


def run(room: Path) -> subprocess.CompletedProcess[str]:
    """Run the stage without an engine."""
    files = {"params": "params.yaml", "bundle": "bundle", "gate": "gate.json", "card": "card.md"}
    files |= {"splits": "none", "raw": "none", "predictions": "none"}
    files |= {"report": "image.json", "timings": "timings.json"}
    options = [word for name, file in files.items() for word in (f"--{name}", str(room / file))]
    environment = {**os.environ, "SCANOPS_ENGINE": "none", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [sys.executable, "-m", "pipelines.image", *options]
    return subprocess.run(command, cwd=room, env=environment, capture_output=True, text=True, check=False)


def test_a_bundle_over_its_time_is_refused(room: Path) -> None:
    """Slower than the budget: exit code 3, the figure and the parameter; the timing is kept, no report is."""
    values = yaml.safe_load((room / "params.yaml").read_text())
    values["image"]["max_latency_ms"] = 1e-6
    (room / "params.yaml").write_text(yaml.safe_dump(values))
    done = run(room)
    assert done.returncode == 3, done.stderr
    assert "above image.max_latency_ms = 1e-06" in done.stderr
    assert "Traceback" not in done.stderr
    timings = json.loads((room / "timings.json").read_text())
    assert timings["bundle_sha256"] == bundles.hash_bundle(room / "bundle")
    assert 0 < timings["latency"]["p50_ms"] <= timings["latency"]["p95_ms"]
    assert not (room / "image.json").exists()


def test_a_fast_bundle_goes_on(room: Path) -> None:
    """Within the budget the stage goes on to its next need, which is not there."""
    done = run(room)
    assert done.returncode == 2, done.stderr
    assert "none" in done.stderr
    assert "max_latency_ms" not in done.stderr
