"""A Ray cluster of one node for the length of a test, which leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.patience import until
from tests.ports import free_port

ROOT = Path(__file__).parents[1]


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
    node, client, name = free_port(), free_port(), secrets.token_hex(28)
    # Sockets below have names of at most 107 bytes: not pytest's long folders.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "start.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block"),
                    *(f"--port={node}", f"--ray-client-server-port={client}", f"--num-cpus={cores}"),
                    *(f"--temp-dir={folder}", *_options()),
                ],
                env={**environment(), "RAY_OVERRIDE_NODE_ID_FOR_TESTING": name},
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=ROOT,
            )
        try:
            _await(process, client, log, name)
            yield Ports(f"127.0.0.1:{node}", f"ray://127.0.0.1:{client}")
        finally:
            _end(process, Path(folder))


def _options() -> Iterator[str]:
    yield from ("--node-ip-address=127.0.0.1", "--include-dashboard=false", "--disable-usage-stats")
    yield "--object-store-memory=100000000"
    for part in ("dashboard-agent-listen", "runtime-env-agent"):
        yield f"--{part}-port={free_port()}"


def environment() -> dict[str, str]:
    """Give the environment of the cluster and of those that use it: no token or statistics, time to start."""
    ours = {
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "120",
        "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S": "30",
        "RAY_agent_register_timeout_ms": "120000",
        "RAY_worker_register_timeout_seconds": "120",
        "PYTHONPATH": f"{ROOT}",
    }
    return {**os.environ, **ours}


def _await(process: subprocess.Popen[bytes], client: int, log: Path, name: str) -> None:
    """Wait until the cluster lists its node, which ends a start, and its door for clients is open.

    The node aborts when files do not name its agent's ports within 15 s, too few to load the agent's
    libraries on a busy machine. They are written here, as the agent does without a dashboard: no ports.
    """

    def ready() -> bool:
        assert process.poll() is None, _said(log)
        for session in log.parent.glob("session_2*"):
            for part in ("metrics_agent", "metrics_export", "dashboard_agent_listen"):
                _place(session / f"{part}_port_{name}", "-1")
        if "Ray runtime started" in log.read_text():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", client), 1):
                return True
        return False

    until(ready, lambda: _said(log))


def _place(file: Path, content: str) -> None:
    """Write a file in one piece, once: the node takes a half-written one for a wrong one."""
    if not file.exists():
        draft = file.with_suffix(".draft")
        draft.write_text(content)
        draft.rename(file)


def _said(log: Path) -> str:
    """Give what the start said, and what the node said last."""
    nodes = [
        file.read_text(errors="replace")[-4000:] for file in log.parent.glob("session_2*/logs/raylet.out")
    ]
    return "\n".join([log.read_text(), *nodes])


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
    until(lambda: not _of(folder), lambda: "a process of the cluster outlives it")


def _of(folder: Path) -> list[int]:
    """Find processes by the cluster's own folder, which each has in its command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.fsencode(folder) in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found
