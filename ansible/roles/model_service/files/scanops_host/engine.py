"""Docker on this host, through its client."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanops_host.faults import outside
from scanops_host.settings import Settings

DIGEST_LABEL = "io.scanops.digest"
BUNDLE_LABEL = "io.scanops.bundle"
# The options of src/scanops/release/hardening.py, which the smoke test has passed with.
HARDENED = (
    "--read-only",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
    "--user",
    "10001:10001",
)
TMPFS = "/tmp:rw,noexec,nosuid,nodev,size=64m,mode=1777"  # noqa: S108 -- inside the container


def call(*arguments: str, timeout_s: float = 120, stdin: Any = None) -> str:
    """Run one command of the client.

    Args:
        *arguments: Command and arguments.
        timeout_s: Give up after this time.
        stdin: A file to read from.

    Returns:
        What it printed, stripped.

    Raises:
        FaultError: It failed, or took longer.
    """
    try:
        done = subprocess.run(
            ["docker", *arguments],  # noqa: S607 -- the host's own engine
            check=False,
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=timeout_s,
        )
    except FileNotFoundError as error:
        raise outside("docker: is not installed. Run the playbook bootstrap on this host") from error
    except subprocess.TimeoutExpired as error:
        raise outside(
            f"docker {arguments[0]}: did not end in {timeout_s:g} s. See the engine's log"
        ) from error
    if done.returncode:
        said = " · ".join((done.stderr or done.stdout).strip().splitlines()[-2:])
        raise outside(f"docker {arguments[0]}: {said}. See the engine's log")
    return done.stdout.strip()


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """Describe an image or container; None when there is none of that name."""
    found = call(kind, "ls", "--quiet", "--no-trunc", *_named(kind, name))
    return dict(json.loads(call(kind, "inspect", found.splitlines()[0]))[0]) if found else None


def _named(kind: str, name: str) -> list[str]:
    return ["--all", "--filter", f"name=^/?{name}$"] if kind == "container" else [name]


@dataclass(frozen=True)
class Container:
    """A container of ours.

    Attributes:
        name: Its name.
        digest: Of the image that it was started from.
        image_id: The engine's content id of that image.
        bundle_sha256: Of the model inside, as the image's label says.
        running: Whether it runs.
        restarts: How often the engine had to start it again.
        started_at: When it was started, as the engine says it.
    """

    name: str
    digest: str
    image_id: str
    bundle_sha256: str
    running: bool
    restarts: int
    started_at: str


def container(settings: Settings, slot: str) -> Container | None:
    """Describe what is in a slot.

    Args:
        settings: Give the name.
        slot: Which.

    Returns:
        The container, or None.
    """
    found = inspect("container", f"{settings.name}-{slot}")
    if found is None:
        return None
    labels = found["Config"]["Labels"] or {}
    return Container(
        f"{settings.name}-{slot}",
        labels.get(DIGEST_LABEL, ""),
        found["Image"],
        labels.get(BUNDLE_LABEL, ""),
        bool(found["State"]["Running"]),
        int(found.get("RestartCount", 0)),
        found["State"]["StartedAt"],
    )


def start(settings: Settings, slot: str, digest: str) -> Container:
    """Start a version in a slot, hardened, published on loopback alone.

    Args:
        settings: Bounds and names.
        slot: A slot without a container.
        digest: Of an image that is here.

    Returns:
        The running container.
    """
    name = f"{settings.name}-{slot}"
    command = ["run", "--detach", "--name", name, "--restart", "unless-stopped", *HARDENED, "--tmpfs", TMPFS]
    command += ["--label", f"{DIGEST_LABEL}={digest}", *_limits(settings)]
    command += ["--publish", f"127.0.0.1:{settings.slots[slot]}:{settings.container_port}"]
    for key, value in settings.environment.items():
        command += ["--env", f"{key}={value}"]
    call(*command, local_name(settings, digest))
    found = container(settings, slot)
    if found is None:
        raise outside(f"container {name}: vanished after its start. See the engine's log")
    return found


def _limits(settings: Settings) -> list[str]:
    able = call("info", "--format", "{{.MemoryLimit}} {{.PidsLimit}}").split()
    memory = ["--memory", settings.memory, "--memory-swap", settings.memory] if able[0] == "true" else []
    return memory + (["--pids-limit", str(settings.pids)] if able[-1] == "true" else [])


def remove(settings: Settings, slot: str) -> None:
    """Remove whatever is in a slot."""
    if container(settings, slot) is not None:
        call("rm", "--force", "--volumes", f"{settings.name}-{slot}")


def stop(settings: Settings, slot: str) -> None:
    """Let a slot's container finish its requests and end; it stays, so that it can be started again."""
    limit = settings.stop_timeout_s
    call("stop", "--time", str(limit), f"{settings.name}-{slot}", timeout_s=limit + 60)


def logs(name: str) -> str:
    """Return the last words of a container on one line."""
    done = subprocess.run(
        ["docker", "logs", "--tail", "3", name],  # noqa: S607 -- the host's own engine
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=60,
    )
    return " · ".join(done.stdout.strip().splitlines()) or "it said nothing"


def local_name(settings: Settings, digest: str) -> str:
    """Name an image on this host, whether it was pulled or loaded: by its digest."""
    return f"{settings.name}:{digest.replace(':', '-')}"


def free_bytes() -> int:
    """Return the free space where the engine keeps its images."""
    root = Path(call("info", "--format", "{{.DockerRootDir}}"))
    return shutil.disk_usage(root).free
