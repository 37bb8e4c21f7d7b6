"""One image, built once for all tests that look at it from outside."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scanops.release import hardening
from scanops.release.engine import Engine
from tests.image_stage import lay_out, run_stage, wait_until_healthy


@pytest.fixture(scope="session")
def stage(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the stage once; give the folder with its report."""
    folder = tmp_path_factory.mktemp("image")
    lay_out(folder)
    done = run_stage(folder)
    assert done.returncode == 0, done.stderr
    assert "make serve" in done.stdout
    return folder


@pytest.fixture(scope="session")
def report(stage: Path) -> dict[str, Any]:
    """Give the report of the stage."""
    return dict(json.loads((stage / "image.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def container(engine: Engine, report: dict[str, Any]) -> Iterator[str]:
    """Run the image as `make serve` does, until it is healthy by its own check."""
    name = f"scanops-test-{os.getpid()}"
    try:
        engine.start(report["digest"], name, hardening.run_options(engine, "127.0.0.1:"))
        wait_until_healthy(engine, name)
        yield name
    finally:
        engine.remove(name)
