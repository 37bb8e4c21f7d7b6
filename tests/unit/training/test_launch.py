"""Workers are started together and end together, whatever happens to one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from scanops.errors import ConfigError, OutsideError
from scanops.training import launch, team
from tests.patience import PATIENCE_S
from tests.ports import free_port

ROOT = Path(__file__).parents[3]


def _start(folder: Path, ways: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("leashed.py")), "start", ways],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _run(folder: Path, ways: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    process = _start(folder, ways, environment)
    _, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, err


def _eventually(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _pids(folder: Path, count: int) -> list[int]:
    files = [folder / f"{place}.pid" for place in range(count)]
    assert _eventually(lambda: all(file.is_file() and file.read_bytes() for file in files))
    return [int(file.read_text(encoding="utf-8")) for file in files]


def test_all_end_well(tmp_path: Path) -> None:
    """Workers that find one another and end well are exit code 0 and silence."""
    assert _run(tmp_path, "well,well,well") == (0, "")
    assert len(_pids(tmp_path, 3)) == 3


def test_the_chief_tells_of_a_death(tmp_path: Path) -> None:
    """A worker that is killed is named by the chief, once, and all end with 4."""
    code, err = _run(tmp_path, "waits,killed,waits")
    assert code == 4
    assert err.count("error:") == 1
    assert "was killed by signal 9: and the training has stopped" in err
    assert err.startswith("error: worker 1 (127.0.0.1:")


def test_another_tells_of_the_chiefs_death(tmp_path: Path) -> None:
    """When the chief is killed, what a survivor says is shown."""
    code, err = _run(tmp_path, "killed,waits")
    assert code == 4
    assert err.startswith("error: worker 0 (127.0.0.1:")
    assert err.count("error:") == 1


def test_what_a_worker_says_is_passed_on(tmp_path: Path) -> None:
    """A worker's own fault is in the chief's message."""
    code, err = _run(tmp_path, "waits,refuses")
    assert code == 4
    assert "ended with exit code 4 (error: data: is gone. Bring it back)" in err


def test_nobody_is_left_to_tell(tmp_path: Path) -> None:
    """Where no other can tell of a death, the launcher does, and ends who does not listen."""
    code, err = _run(tmp_path, "killed,deaf")
    assert code == 4
    assert err.startswith("error: worker 0 (127.0.0.1:")
    assert "Run it again" in err
    assert not [pid for pid in _pids(tmp_path, 2) if _lives(pid)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("ways", ["waits,waits", "deaf,waits"])
def test_an_interrupt_ends_all(tmp_path: Path, number: signal.Signals, ways: str) -> None:
    """Ctrl-C and SIGTERM end every worker, also a deaf one, with 130 and one message."""
    process = _start(tmp_path, ways)
    pids = _pids(tmp_path, 2)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert err.count("interrupted:") == 1
    assert not [pid for pid in pids if _lives(pid)]


def test_workers_do_not_outlive_a_killed_launcher(tmp_path: Path) -> None:
    """Killed (-9), the launcher can end nobody; its workers notice and end."""
    process = _start(tmp_path, "waits,deaf")
    pids = _pids(tmp_path, 2)
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    assert _eventually(lambda: not any(_lives(pid) for pid in pids))


def test_other_hosts_are_reached_over_ssh(tmp_path: Path) -> None:
    """The first host is here; another gets the command by an ssh that asks nothing and trusts no new key."""
    fake = tmp_path / "bin" / "ssh"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nfor last; do :; done\necho "$*" >{tmp_path}/said\nexec sh -c "$last"\n')
    fake.chmod(0o755)
    port = free_port()
    environment = {
        "PATH": f"{fake.parent}:{os.environ['PATH']}",
        team.HOSTS_VARIABLE: "127.0.0.1,far.example",
        team.PORT_VARIABLE: str(port),
    }
    code, err = _run(tmp_path, "waits,refuses", environment)
    assert code == 4
    assert f"error: worker 1 (far.example:{port + 1}): ended with exit code 4 (error: data: is gone" in err
    said = (tmp_path / "said").read_text(encoding="utf-8")
    assert "-o StrictHostKeyChecking=yes" in said
    assert "-o BatchMode=yes" in said
    assert f" far.example cd {tmp_path} && exec env 'TF_CONFIG=" in said


def test_the_first_host_is_this_machine() -> None:
    """The chief writes what comes out, so it must be here."""
    environ = {team.HOSTS_VARIABLE: "192.0.2.1,192.0.2.2"}
    with pytest.raises(ConfigError, match=r"`192\.0\.2\.1` is not this machine.*Name this machine first"):
        launch.run(["true"], environ, 2)


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    """A port in use is an outside fault, with the variable that chooses another."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        port = door.getsockname()[1]
        environ = {team.PORT_VARIABLE: str(min(port, 65534))}
        with pytest.raises(OutsideError, match=f"port {port}.*SCANOPS_TRAIN_PORT"):
            launch.run(["true"], environ, 2)
