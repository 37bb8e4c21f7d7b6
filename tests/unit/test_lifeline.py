"""A command ends with whoever started it, and its exit code and words arrive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scanops import lifeline
from tests.patience import PATIENCE_S, until

STARTER = """
import os, sys
from pathlib import Path
from scanops import lifeline
lifeline.run(["sh", "-c", sys.argv[1]], Path.cwd(), os.environ)
"""


def lives(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("code", [0, 3])
def test_exit_code_and_words_arrive(code: int, tmp_path: Path) -> None:
    """Both streams are kept, and the command runs in its folder with its environment."""
    script = f'echo "$WORD in $PWD"; echo fault >&2; exit {code}'
    done = lifeline.run(["sh", "-c", script], tmp_path, {**os.environ, "WORD": "here"})
    assert done.returncode == code
    assert done.stdout.split("\n") == [f"here in {tmp_path}", "fault", ""]


@pytest.mark.parametrize("victims", ["starter", "both"])
def test_the_session_does_not_outlive_its_starter(victims: str, tmp_path: Path) -> None:
    """Killed without a chance to clean up, it takes the command and its children along, told by SIGINT.

    So also when the process in between is killed with it, as Ray does to children of its workers.
    """
    child = f"sh -c 'echo $$ > {tmp_path}/child; exec sleep 100'"
    script = f"trap 'touch {tmp_path}/told; exit' INT; {child}; true"
    with subprocess.Popen([sys.executable, "-c", STARTER, script], cwd=tmp_path) as starter:
        until(lambda: bool((tmp_path / "child").exists() and (tmp_path / "child").read_text().strip()))
        sleeper = int((tmp_path / "child").read_text())
        held = Path(f"/proc/{starter.pid}/task/{starter.pid}/children").read_text().split()
        for pid in (starter.pid, *(map(int, held) if victims == "both" else ())):
            os.kill(pid, signal.SIGKILL)
    until((tmp_path / "told").exists)
    until(lambda: not lives(sleeper))


def test_what_ignores_the_signal_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while for cleaning up nothing of the session is left."""
    monkeypatch.setattr(lifeline, "GRACE_S", 0.5)
    script = f"trap '' INT; touch {tmp_path}/deaf; sleep 100 & wait"
    with subprocess.Popen(["sh", "-c", script], start_new_session=True) as process:
        until((tmp_path / "deaf").exists)
        lifeline._end(process.pid)
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
