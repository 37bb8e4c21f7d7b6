"""A run that is gone is known to be, and no other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scanops.release import run_name


def test_a_run_is_over_when_its_process_is_gone() -> None:
    """Our own run is not over; one whose process ended is; so is one whose number went to another process."""
    ours = run_name.here()
    assert not run_name.is_over(ours)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        start = run_name._fields(child.pid, Path("/proc"))[19]
        name = f"{os.uname().nodename}:{child.pid}:{start}"
        assert not run_name.is_over(name)
        assert run_name.is_over(f"{os.uname().nodename}:{child.pid}:1")
        child.communicate(b"\n")
    assert run_name.is_over(name)


def test_of_another_machine_s_run_nobody_can_tell() -> None:
    """It counts as alive: its lock stays until its lease is over."""
    assert not run_name.is_over("elsewhere:1:1")
    assert not run_name.is_over("nonsense")
