"""Start the workers of a training, on this machine or several, and end them together."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from scanops.errors import ConfigError, OutsideError
from scanops.training import leash, team

LOOPBACK = "127.0.0.1"
POLL_S = 0.1
# More than a worker takes itself.
GRACE_S = leash.GRACE_S + 5
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}  # what TensorFlow has to say comes as an exception, too
MOST_SAID = 500
# ssh must never ask, never take a strange host for a known one, and notice when a line is dead.
SSH_OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
}


def run(command: Sequence[str], environ: Mapping[str, str], workers: int) -> int:
    """Run a command once a worker, and wait for all.

    The chief runs on this machine and speaks for all; what others say is shown when the chief cannot. When a
    worker fails, the others are told and end.

    Args:
        command: Program and arguments of a worker, the same on every machine.
        environ: What the workers on this machine get; see also `team.hosts` and `team.first_port`.
        workers: How many.

    Returns:
        The exit code; whatever is not 0 has been explained on standard error.

    Raises:
        ConfigError: The hosts are not as they should be.
        OutsideError: A worker has ended, and none of the others was left to tell of it.
    """
    hosts = team.hosts(environ, workers)
    addresses = _addresses(hosts, environ, workers)
    with contextlib.ExitStack() as stack:
        crew = []
        for place, address in enumerate(addresses):
            variables = {team.VARIABLE: team.compose(addresses, place), leash.VARIABLE: "1", **QUIET}
            host = hosts[place] if hosts and hosts[place] != hosts[0] else None
            words = _over_ssh(host, command, variables) if host else list(command)
            worker = _Worker(team.name(place, address), words, {**environ, **variables}, speaks=not place)
            crew.append(stack.enter_context(worker))
        try:
            return _supervise(crew)
        except KeyboardInterrupt:
            for worker in crew:
                worker.let_go()
            _await(crew)
            if crew[0].process.returncode != leash.INTERRUPTED:  # otherwise it has told
                raise
            return leash.INTERRUPTED


def _supervise(crew: Sequence[_Worker]) -> int:
    """Wait until all have ended; when one fails, see to the end of the others."""
    while not (failed := [worker for worker in crew if worker.process.poll()]):
        if all(worker.process.returncode == 0 for worker in crew):
            return 0
        time.sleep(POLL_S)
    first = failed[0]
    for worker in crew:
        worker.tell(first.end())
    _await(crew)
    chief, *others = (worker.process.returncode for worker in crew)
    if chief is not None and chief >= 0:
        return chief  # it has told
    for worker, code in zip(crew[1:], others, strict=True):
        if worker is not first and code == OutsideError.exit_code and (said := worker.said()):
            print(*said, sep="\n", file=sys.stderr)
            return code
    subject, _, fault = first.end().partition(": ")
    raise OutsideError(subject, f"{fault}, and the training has stopped", "Run it again")


def _await(crew: Sequence[_Worker]) -> None:
    """Give all the time that they need to end."""
    end = time.monotonic() + GRACE_S
    for worker in crew:
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(max(0.0, end - time.monotonic()))


def _over_ssh(host: str, command: Sequence[str], variables: Mapping[str, str]) -> list[str]:
    """Wrap a command for another machine, which has the same folders."""
    settings = [f"{name}={value}" for name, value in variables.items()]
    options = [word for name, value in SSH_OPTIONS.items() for word in ("-o", f"{name}={value}")]
    line = shlex.join(["env", *settings, *command])
    return ["ssh", "-T", *options, host, f"cd {shlex.quote(str(Path.cwd()))} && exec {line}"]


def _addresses(hosts: Sequence[str] | None, environ: Mapping[str, str], workers: int) -> list[str]:
    """Choose `host:port` for each worker, and see that those on this machine are free."""
    first = team.first_port(environ, workers)
    if hosts is None and not environ.get(team.PORT_VARIABLE):
        return [f"{LOOPBACK}:{port}" for port in _free_ports(workers)]
    names = hosts or [LOOPBACK] * workers
    for place, host in enumerate(names):
        if host == names[0]:
            _require_free(host, first + place)
    return [f"{host}:{first + place}" for place, host in enumerate(names)]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        doors = [stack.enter_context(socket.socket()) for _ in range(count)]
        for door in doors:
            door.bind((LOOPBACK, 0))
        return [door.getsockname()[1] for door in doors]


def _require_free(host: str, port: int) -> None:
    try:
        with socket.socket() as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            remedy = f"Set {team.PORT_VARIABLE} to another"
            raise OutsideError(f"port {port}", "is taken on this machine", remedy) from error
        raise ConfigError(
            team.HOSTS_VARIABLE,
            f"`{host}` is not this machine ({error.strerror})",
            "Name this machine first, as the others reach it: it is the one that writes the model",
        ) from error


class _Worker:
    """A process that trains, and the pipe that it lives by (see `leash`)."""

    def __init__(self, name: str, command: list[str], environ: Mapping[str, str], *, speaks: bool) -> None:
        self.name = name
        theirs, ours = os.pipe()
        self._leash = os.fdopen(ours, "wb", buffering=0)
        self._said = None if speaks else tempfile.TemporaryFile()  # noqa: SIM115 -- closed in __exit__
        try:
            self.process = subprocess.Popen(
                command,
                env=environ,
                stdin=theirs,
                stdout=None if speaks else subprocess.DEVNULL,
                stderr=self._said,
                start_new_session=True,  # Ctrl-C is for the process that started it, which ends all in order
            )
        except FileNotFoundError as error:
            self._leash.close()
            raise OutsideError(command[0], "is not installed", "Install it, and start again") from error
        finally:
            os.close(theirs)

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self.process.kill()
        self.process.wait()
        if self._said:
            self._said.close()

    def tell(self, word: str) -> None:
        """Tell it of another one that has failed."""
        with contextlib.suppress(BrokenPipeError):  # it has ended, too
            self._leash.write(f"{word}\n".encode())

    def let_go(self) -> None:
        """Have it end as if interrupted."""
        self._leash.close()

    def said(self) -> list[str]:
        """Give what it said on standard error and nobody has seen."""
        if self._said is None:
            return []
        self._said.seek(0)
        return self._said.read().decode(errors="replace").splitlines()

    def end(self) -> str:
        """Say how it ended: its name, a colon, and in what way."""
        code = self.process.returncode
        if code < 0:
            return f"{self.name}: was killed by signal {-code}"
        said = [line.strip() for line in self.said() if line.strip()]
        reason = ([line for line in said if line.startswith("error: ")] or said)[-1:]
        return f"{self.name}: ended with exit code {code}" + "".join(f" ({r[:MOST_SAID]})" for r in reason)
