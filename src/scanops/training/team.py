"""Who trains together: read from `TF_CONFIG`, or composed for workers that are started here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from scanops.errors import ConfigError

VARIABLE = "TF_CONFIG"
HOSTS_VARIABLE = "SCANOPS_TRAIN_HOSTS"
PORT_VARIABLE = "SCANOPS_TRAIN_PORT"
FIRST_PORT = 29400
# What trains; a parameter server belongs to another strategy, an evaluator to Keras' estimators.
JOBS = ("chief", "worker")


@dataclass(frozen=True)
class Team:
    """The workers of a training, and which of them this process is.

    Attributes:
        addresses: `host:port` of each, the chief's first.
        place: Of this process, counted from 0.
        jobs: TensorFlow's name of each, such as `worker 0`.
    """

    addresses: tuple[str, ...]
    place: int
    jobs: tuple[str, ...]

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what comes out; the others only compute."""
        return self.place == 0

    def name(self, place: int) -> str:
        """Give a worker's name for messages."""
        return name(place, self.addresses[place])

    def named_in(self, text: str) -> str:
        """Find the worker that an error of TensorFlow speaks of.

        Args:
            text: Such as `/job:worker/replica:0/task:1 … stopped sending heartbeats`.

        Returns:
            Its name; `a worker` when the text names none but this process.
        """
        for job, index in re.findall(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)", text):
            found = f"{job} {index}"
            if found in self.jobs and self.jobs.index(found) != self.place:
                return self.name(self.jobs.index(found))
        return "a worker"


def name(place: int, address: str) -> str:
    """Name a worker for messages by its place, counted from 0, and its `host:port`."""
    return f"worker {place} ({address})"


def compose(addresses: Sequence[str], place: int) -> str:
    """Write what tells TensorFlow of the others.

    Args:
        addresses: `host:port` of each worker, the chief's first.
        place: Of the worker that it is for.

    Returns:
        The value of `TF_CONFIG`.
    """
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": place}})


def read(environ: Mapping[str, str], workers: int) -> Team | None:
    """Read this process's part, as a scheduler or `launch` gave it.

    Args:
        environ: The environment.
        workers: `training.workers`.

    Returns:
        None when `TF_CONFIG` is unset or names no cluster, or one of this process alone.

    Raises:
        ConfigError: `TF_CONFIG` is malformed, or names another number of workers.
    """
    text = environ.get(VARIABLE, "").strip()
    cluster, task = _parse(text) if text else ({}, {})
    if not cluster:
        return None
    members = [(job, index, str(a)) for job in JOBS for index, a in enumerate(_addresses(cluster, job))]
    jobs = tuple(f"{job} {index}" for job, index, _ in members)
    if len(members) != workers:
        raise ConfigError(
            VARIABLE,
            f"names {len(members)} worker(s), but training.workers is {workers}",
            "Make the two agree, or unset it",
        )
    own = f"{task.get('type')} {task.get('index')}"
    if own not in jobs:
        _refuse(f"says that this is `{own}`, and the cluster has only {', '.join(jobs)}")
    return Team(tuple(address for *_, address in members), jobs.index(own), jobs) if workers > 1 else None


def hosts(environ: Mapping[str, str], workers: int) -> list[str] | None:
    """Read on which hosts to start the workers.

    Args:
        environ: The environment.
        workers: `training.workers`.

    Returns:
        A name for each worker; the first is this machine's, by which the others reach it. None when
        `SCANOPS_TRAIN_HOSTS` is unset or empty: all run on this machine.

    Raises:
        ConfigError: There are more or fewer names than workers, or one is no host name.
    """
    text = environ.get(HOSTS_VARIABLE, "").strip()
    if not text:
        return None
    names = [part.strip() for part in text.split(",")]
    wrong = [part for part in names if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", part)]
    if wrong:
        remedy = "Give names or IPv4 addresses, separated by commas; ~/.ssh/config knows the user"
        raise ConfigError(HOSTS_VARIABLE, f"`{wrong[0]}` is no host name", remedy)
    if len(names) != workers:
        raise ConfigError(
            HOSTS_VARIABLE,
            f"names {len(names)} host(s), but training.workers is {workers}",
            "Name one host a worker, or the same host more than once",
        )
    return names


def first_port(environ: Mapping[str, str], workers: int) -> int:
    """Read the port of the first worker; each next one has the next port.

    Args:
        environ: The environment.
        workers: `training.workers`.

    Returns:
        1024 to 65535.

    Raises:
        ConfigError: `SCANOPS_TRAIN_PORT` is no such number.
    """
    text = environ.get(PORT_VARIABLE) or str(FIRST_PORT)
    last = 65536 - workers
    if not (text.isascii() and text.isdigit() and 1024 <= int(text) <= last):
        raise ConfigError(PORT_VARIABLE, f"`{text}` is no port for {workers} workers", f"Give 1024 to {last}")
    return int(text)


def _parse(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        value = json.loads(text)
    except ValueError as error:
        _refuse(f"is no JSON ({error})")
    if not isinstance(value, dict):
        _refuse("is no JSON object")
    cluster, task = value.get("cluster", {}), value.get("task", {})
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        _refuse("has a `cluster` or a `task` that is no object")
    strange = sorted(set(cluster) - {*JOBS, "evaluator"})
    if strange:
        _refuse(f"names the job `{strange[0]}`, which has no part in this training")
    return cluster, task


def _addresses(cluster: dict[str, Any], job: str) -> list[str]:
    found = cluster.get(job, [])
    if not isinstance(found, list) or not all(_is_address(entry) for entry in found):
        _refuse(f"gives no list of `host:port` for `{job}`")
    return found


def _is_address(entry: object) -> bool:
    if not isinstance(entry, str):
        return False
    host, _, port = entry.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) < 65536


def _refuse(fault: str) -> NoReturn:
    example = compose(["host1:29400", "host2:29400"], 0)
    raise ConfigError(VARIABLE, fault, f"Correct it, as in {example}, or unset it")
