"""A Ray cluster of one node for the length of a test, which leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Ports:
    """Where the cluster listens on this machine.

    Attributes:
        node: For a process on a node: `127.0.0.1:<port>`.
        client: For a process elsewhere: `ray://127.0.0.1:<port>`.
    """

    node: str
    client: str


@contextlib.contextmanager
def running(cores: int = 2) -> Iterator[Ports]:
    """Start a cluster on free ports.

    Args:
        cores: How many it believes to have.

    Yields:
        Its addresses.
    """
    node, client, agent, metrics = _free_ports(4)
    # Sockets below have names of at most 107 bytes: not pytest's long folders.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        command = [
            *(
                str(Path(sys.executable).with_name("ray")),
                "start",
                "--head",
                "--block",
                "--disable-usage-stats",
            ),
            *("--include-dashboard=false", "--node-ip-address=127.0.0.1", f"--num-cpus={cores}"),
            *(
                f"--port={node}",
                f"--ray-client-server-port={client}",
                f"--dashboard-agent-listen-port={agent}",
            ),
            *(f"--metrics-export-port={metrics}", f"--temp-dir={folder}", "--object-store-memory=100000000"),
        ]
        log = Path(folder) / "start.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=environment(), stdout=output, stderr=output, start_new_session=True, cwd=ROOT
            )
        try:
            _await(process, (node, client), log)
            yield Ports(f"127.0.0.1:{node}", f"ray://127.0.0.1:{client}")
        finally:
            _end(process, Path(folder))


def environment() -> dict[str, str]:
    """Give the environment of the cluster and of those that use it: no token, no statistics sent."""
    ours = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": f"{ROOT}"}
    return {**os.environ, **ours}


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _await(process: subprocess.Popen[bytes], ports: tuple[int, ...], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    for port in ports:
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    """End what was started here and nothing else; `ray stop` would end every cluster of the machine."""
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    for pid in _of(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while _of(folder):
        assert time.monotonic() < deadline, "a process of the cluster outlives it"
        time.sleep(0.05)


def _of(folder: Path) -> list[int]:
    """Find processes by the cluster's own folder, which each has in its command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.fsencode(folder) in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found
