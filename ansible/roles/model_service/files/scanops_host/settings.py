"""The settings that the role writes to /etc/scanops/host.json."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

from scanops_host.faults import usage

PLACE = Path("/etc/scanops/host.json")


@dataclass(frozen=True)
class Settings:
    """How the service runs on this host, and when a version counts as good; the role's defaults say why.

    Attributes:
        name: Of the image here, and the beginning of the containers' names.
        state_folder: Holds history, lock, golden images and the gateway's flag.
        slots: Loopback port of each of the two slots, by its name.
        container_port: Where the service listens inside.
        memory: Most memory of a container, such as `2g`.
        pids: Most processes and threads of a container.
        environment: Environment variables of the container.
        ready_timeout_s: From start to the first ready answer.
        tolerance: Largest difference of a probability from the recorded one.
        rehearsal_requests: Timed requests to a new version before it serves anybody.
        max_error_rate: Largest share of answers of 500 and above.
        max_p95_ratio: Largest 95th percentile of the time to answer, as a multiple of the old version's.
        latency_slack_ms: What it may be longer in any case.
        watch_s: How long a version is watched after it has taken over.
        probe_rate_hz: Requests of our own in that time, so that a quiet night is watched as well.
        drain_s: From the switch to the old version's stop signal, at least.
        stop_timeout_s: Time for requests in flight after that signal.
        access_log: What the gateway writes, a line a request.
        local_port: Loopback port of the gateway without TLS.
        keep_versions: Versions whose images and golden images stay on the host.
        min_free_bytes: Free disk space that must remain after an image has arrived.
        lock_lease_s: A lock that nobody renewed for so long is void.
    """

    name: str
    state_folder: str
    slots: dict[str, int]
    container_port: int
    memory: str
    pids: int
    environment: dict[str, str]
    ready_timeout_s: float
    tolerance: float
    rehearsal_requests: int
    max_error_rate: float
    max_p95_ratio: float
    latency_slack_ms: float
    watch_s: float
    probe_rate_hz: float
    drain_s: float
    stop_timeout_s: int
    access_log: str
    local_port: int
    keep_versions: int
    min_free_bytes: int
    lock_lease_s: float

    @property
    def state(self) -> Path:
        """The state folder as a path."""
        return Path(self.state_folder)


def read(place: Path = PLACE) -> Settings:
    """Read the settings.

    Args:
        place: The file.

    Returns:
        Them.

    Raises:
        FaultError: The file is missing, damaged or of another release.
    """
    try:
        values = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise usage(f"{place}: cannot be read ({error}). Run the playbook bootstrap on this host") from error
    known = {field.name for field in fields(Settings)}
    if set(values) != known:
        odd = ", ".join(sorted(known ^ set(values)))
        raise usage(f"{place}: is of another release ({odd}). Run the playbook bootstrap on this host")
    return Settings(**values)
