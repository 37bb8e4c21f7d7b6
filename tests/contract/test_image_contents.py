"""The image holds the code that the service imports: all of it, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from scanops.release import image_context, licences, sbom

ROOT = Path(__file__).parents[2]
# Loaded when the first DICOM file comes: pydicom takes half a second, which no start should.
LATER = "scanops.dicom"


def loaded(*modules: str) -> set[Path]:
    """Return the project's files that an interpreter really loads for some modules."""
    code = (
        f"import json, sys, {', '.join(modules)}\n"
        "print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'scanops']))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    return {Path(path) for path in json.loads(done.stdout)}


def test_the_sources_put_in_are_those_imported() -> None:
    """What is copied, found by reading imports, is what a service loads at its start or for DICOM."""
    put_in, at_start = set(image_context.source_files(ROOT)), loaded(*image_context.ENTRIES)
    assert at_start < put_in
    assert put_in == loaded(*image_context.ENTRIES, LATER)
    assert all(path.name.startswith("dicom") for path in put_in - at_start)


def test_no_room_of_the_pipeline_is_put_in() -> None:
    """Training, data, evaluation and release code stay out of the image."""
    rooms = {path.relative_to(ROOT / "src" / "scanops").parts[0] for path in image_context.source_files(ROOT)}
    assert not rooms & {"training", "data", "quality", "evaluation", "release", "config.py"}


def test_every_file_of_the_page_is_put_in() -> None:
    """The page's files are data, so no import finds them."""
    names = {path.name for path in image_context.data_files(ROOT)}
    assert names == {path.name for path in (ROOT / "src/scanops/serving/web").iterdir()}
    assert "index.html" in names


def test_the_build_context_has_all_that_the_dockerfile_copies() -> None:
    """Each COPY source of the Dockerfile is filled by the context, or comes from a stage."""
    lines = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from=" not in line]
    assert {name for names in copied for name in names} == {"lib", "src", "bundle", sbom.NAME, licences.NAME}
