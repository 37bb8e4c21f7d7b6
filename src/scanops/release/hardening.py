"""How every container of ours is started: the smoke test and `make serve` share these options."""

from __future__ import annotations

from scanops.release.engine import Engine

PORT = 8080  # inside the container, as in docker/Dockerfile
MEMORY = "2g"
PIDS = 256
OPTIONS = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


def run_options(engine: Engine, publish: str) -> list[str]:
    """Return the options that a container is started with.

    Args:
        engine: Decides which bounds can be held.
        publish: Where the service's port appears, such as `127.0.0.1:8080`; `127.0.0.1:` takes a free one.

    Returns:
        Arguments of `run`: read-only, no capability, no new privileges, bounded memory and processes.
    """
    return [*OPTIONS, *engine.limits(MEMORY, PIDS), "--publish", f"{publish}:{PORT}"]
