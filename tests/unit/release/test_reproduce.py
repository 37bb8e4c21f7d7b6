"""Whatever signal comes, DVC and its stage are told, waited for, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scanops.release import reproduce
from tests.patience import PATIENCE_S, until

STAGE = """
import pathlib, time
pathlib.Path("started").touch()
try:
    time.sleep(600)
except KeyboardInterrupt:
    time.sleep(0.3)
    pathlib.Path("cleaned").touch()
"""
DVC = """
import subprocess, sys
stage = subprocess.Popen([sys.executable, "stage.py"])
try:
    stage.wait()
except KeyboardInterrupt:
    stage.wait()
    sys.exit(255)
"""
CALLER = (
    "import sys; from scanops.release import reproduce; sys.exit(reproduce.run([sys.executable, 'dvc.py']))"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_handed_on(tmp_path: Path, number: signal.Signals) -> None:
    """A stage below a stand-in for DVC has cleaned up before we leave, with 130."""
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "dvc.py").write_text(DVC)
    with subprocess.Popen([sys.executable, "-c", CALLER], cwd=tmp_path) as caller:
        until((tmp_path / "started").exists)
        caller.send_signal(number)
        assert caller.wait(PATIENCE_S) == 130
    assert (tmp_path / "cleaned").exists()


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("pass", 0),
        ("import sys; sys.exit(255)", 1),
        ("import os; os.kill(os.getpid(), 9)", 1),
        (f"import os, sys; open(os.environ[{reproduce.EXIT_CODE_FILE!r}], 'w').write('3'); sys.exit(255)", 3),
    ],
)
def test_the_code_of_the_stage_comes_through(program: str, code: int) -> None:
    """DVC's 255 becomes what the stage noted, or 1 where it noted nothing."""
    assert reproduce.run([sys.executable, "-c", program]) == code


def test_handlers_are_put_back() -> None:
    """After the run, signals mean what they meant before."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    reproduce.run([sys.executable, "-c", "pass"])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert os.environ.get(reproduce.EXIT_CODE_FILE) is None
