"""Find the container engine that answers, or bring one up where that is ours to do."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from scanops.errors import ConfigError, OutsideError
from scanops.release.engine import ANSWER_TIMEOUT_S, Engine, last_lines, programs

CHOICES = ("docker", "podman", "none")
START_TIMEOUT_S = 45
REMEDY = "Install one with `apt-get install docker.io` (or podman), start it, and run again"


def find(environ: Mapping[str, str] | None = None) -> Engine:
    """Return the engine that answers; as root on Debian or Ubuntu, install and start one if need be.

    Args:
        environ: Holds SCANOPS_ENGINE: `none` declines any, `docker` or `podman` selects one; unset
            takes docker, then podman. The process's own environment when None.

    Returns:
        The engine.

    Raises:
        ConfigError: SCANOPS_ENGINE names no engine.
        OutsideError: None answers, and none can be brought up.
    """
    environ = os.environ if environ is None else environ
    choice = environ.get("SCANOPS_ENGINE", "")
    if choice and choice not in CHOICES:
        raise ConfigError("SCANOPS_ENGINE", f"is {choice!r}", f"Set one of {', '.join(CHOICES)}, or unset it")
    if choice == "none":
        raise OutsideError("container engine", "is declined by SCANOPS_ENGINE=none", f"Unset it. {REMEDY}")
    refusals: list[str] = []
    engine = answering(environ, refusals)
    if engine is None and choice != "podman" and _may_install():
        bring_up(environ)
        engine = answering(environ, refusals)
    if engine is None:
        fault = f"does not answer ({refusals[-1]})" if refusals else "is not installed"
        remedy = REMEDY if choice != "podman" else "Install it with `apt-get install podman`, and run again"
        raise OutsideError(choice or "container engine", fault, remedy)
    return engine


def answering(environ: Mapping[str, str], refusals: list[str] | None = None) -> Engine | None:
    """Ask every client on the PATH; change nothing.

    Args:
        environ: As for `find`.
        refusals: Receives what a client said that got no answer.

    Returns:
        The first engine that answers, or None.
    """
    choice = environ.get("SCANOPS_ENGINE", "")
    for name in (choice,) if choice in ("docker", "podman") else ("docker", "podman"):
        for program in programs(name, environ):
            template = "{{.Server.Version}}" if name == "docker" else "{{.Client.Version}}"
            try:
                done = subprocess.run(
                    [program, "version", "--format", template],
                    check=False,
                    capture_output=True,
                    text=True,
                    timeout=ANSWER_TIMEOUT_S,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                said = f"{program}: {error}"
            else:
                if done.returncode == 0 and done.stdout.strip():
                    return Engine(name, program, done.stdout.strip())
                said = last_lines(done.stderr, 1)
            if refusals is not None:
                refusals.append(said)
    return None


def bring_up(environ: Mapping[str, str]) -> None:
    """Install `docker.io` where it is not, and start its daemon. For root on Debian or Ubuntu.

    Args:
        environ: Its PATH is searched for the daemon.

    Raises:
        OutsideError: The package cannot be installed, or the daemon does not come up.
    """
    if next(programs("dockerd", environ), None) is None:
        _tell("no container engine here: installing docker.io (SCANOPS_ENGINE=none declines)")
        install("docker.io", "iptables")
    daemon = next(programs("dockerd", environ), None)
    if daemon is None:
        raise OutsideError("docker.io", "brought no dockerd", REMEDY)
    _tell("starting the container engine (SCANOPS_ENGINE=none declines)")
    if Path("/run/systemd/system").is_dir() and _succeeds("systemctl", "start", "docker"):
        _wait(environ, "`journalctl -u docker` says why")
        return
    _start_daemon(daemon, environ)


def install(*packages: str) -> None:
    """Install Debian packages without questions.

    Args:
        *packages: Their names.

    Raises:
        OutsideError: The package manager failed.
    """
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ("-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120")
    for command in (("update",), ("install", *packages)):
        done = subprocess.run(
            ["apt-get", *options, *command],  # noqa: S607 -- the system's own
            check=False,
            capture_output=True,
            text=True,
            env=env,
        )
        # An index that fails to update may still know the package.
        if done.returncode and command[0] == "install":
            fault = f"`apt-get install {' '.join(packages)}` failed: {last_lines(done.stderr)}"
            raise OutsideError("Debian packages", fault, "Install them by hand, then run again")


def is_debian(os_release: Path = Path("/etc/os-release")) -> bool:
    """Say whether this system is Debian, Ubuntu or made from them."""
    try:
        lines = os_release.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    family = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace('"', "").split()
    return bool({"debian", "ubuntu"} & set(family))


def _may_install() -> bool:
    return os.geteuid() == 0 and is_debian()


def _start_daemon(daemon: str, environ: Mapping[str, str]) -> None:
    folder = Path("/var/log") if os.access("/var/log", os.W_OK) else Path(tempfile.mkdtemp())
    log = folder / "dockerd.log"
    path = f"{environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"  # iptables lives there
    with log.open("ab") as output:
        subprocess.Popen(
            [daemon],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # it outlives this command, as a service would
            env={**environ, "PATH": path},
        )
    _wait(environ, f"{log} says why")


def _wait(environ: Mapping[str, str], remedy: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if answering({**environ, "SCANOPS_ENGINE": "docker"}):
            return
        time.sleep(0.3)
    raise OutsideError("dockerd", f"did not answer within {START_TIMEOUT_S} s", remedy)


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
