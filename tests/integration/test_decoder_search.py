"""The fuzzer of `imaging.decode`: it begins at files of each kind, and sees what it is there to see."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scanops import imaging, pictures
from scanops.errors import ImageError
from tests.conftest import require_part
from tests.fuzz.seeds import MOST_BYTES, seeds
from tests.pictures import encode, noise

ROOT = Path(__file__).parents[2]


def test_each_seed_is_a_picture_or_is_refused_with_its_reason() -> None:
    """Half of them at least are pictures: a search that begins at refusals finds only those."""
    found, refused = seeds(), 0
    for data in found.values():
        assert len(data) <= MOST_BYTES
        try:
            imaging.decode(data)
        except ImageError:
            refused += 1
    assert 0 < refused < len(found) / 2


def test_the_search_runs(tmp_path: Path) -> None:
    """Some inputs, in a process of its own as `make fuzz` starts it: nothing is found, and it ends."""
    require_part(importlib.util.find_spec("atheris"), "no atheris for this machine")
    for number, data in enumerate(list(seeds().values())[:6]):
        (tmp_path / str(number)).write_bytes(data)
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.decode",
        "-runs=50",
        "-seed=1",
        "-timeout=120",
        str(tmp_path),
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, env=env, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "DONE" in done.stderr


def test_a_defect_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the decoder raises besides its own error reaches the fuzzer, and so does a wrong picture."""
    require_part(importlib.util.find_spec("atheris"), "no atheris for this machine")
    from tests.fuzz import decode  # noqa: PLC0415 -- it needs atheris

    data = encode(noise(1))
    decode.decode(data)
    decode.decode(b"no picture")
    monkeypatch.setattr(pictures, "identity", None)
    with pytest.raises(AttributeError):
        decode.decode(data)
    monkeypatch.undo()
    monkeypatch.setattr(imaging.Decoded, "pixels", noise(1)[..., :2])
    with pytest.raises(AssertionError, match="decoded to"):
        decode.decode(data)
