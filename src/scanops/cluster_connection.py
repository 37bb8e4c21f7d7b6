"""Joining an existing Ray cluster, and leaving it; a refusal that passes by itself is asked again."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from types import ModuleType
from urllib.parse import urlsplit

from scanops.errors import OutsideError

VARIABLE = "SCANOPS_CLUSTER"
CONNECT_TIMEOUT_S = 10.0
# For a client Ray's proxy (ray.util.client.server.proxier) starts a process. It refuses the session when that
# ends at once, or does not listen within the RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S (30) of the head, when
# the cluster does not list the node yet, or the node does not take the process: a busy head does that. For
# this alone the client raises ConnectionAbortedError, and nothing is handed over yet, so it may ask again.
PASSING = (
    "Starting Ray client server failed",
    "Proxy failed to Connect to backend",
    "node info",
    "Call to `ray.init()` on the server failed",
)
# Each may last a minute: that time-out, then the 30 s for which the proxy waits for the client to come back.
MOST_SESSIONS = 3


@contextlib.contextmanager
def connected(address: str) -> Iterator[ModuleType]:
    """Join the cluster; leaving it ends what it still does for this process.

    Args:
        address: `auto`, `host:port` on a node, `ray://host:port` from elsewhere.

    Yields:
        Ray.

    Raises:
        OutsideError: Ray is not installed, or the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # noqa: PLC0415 -- it takes a second, and few machines have it
    except ImportError as error:
        raise OutsideError("Ray", "is not installed", "Run `pip install scanops[cluster]`") from error
    _require_listener(address)
    with _own_sigterm():
        _begin(ray, address)
    try:
        yield ray
    finally:
        ray.shutdown()


def first_line(error: BaseException) -> str:
    """Give what an error says in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _begin(ray: ModuleType, address: str) -> None:
    for left in reversed(range(MOST_SESSIONS)):
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except ConnectionAbortedError as error:
            if not (left and any(reason in str(error) for reason in PASSING)):
                raise _unreachable(address, _last_line(error)) from error
            ray.shutdown()  # or it takes this process for a client still
        except (ConnectionError, RuntimeError, ValueError, TimeoutError, ray.exceptions.RayError) as error:
            raise _unreachable(address, first_line(error)) from error
        else:
            return


def _last_line(refusal: ConnectionAbortedError) -> str:
    """Give the reason: what the server sends is a traceback below a headline of the client."""
    return (str(refusal).strip().splitlines() or [type(refusal).__name__])[-1].strip()


def _require_listener(address: str) -> None:
    """Knock first: Ray itself waits for minutes at a door where nobody is."""
    place = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = place.hostname, place.port
    except ValueError as error:
        raise _unreachable(address, str(error)) from error
    if host is None or port is None:
        if address != "auto":
            raise _unreachable(address, "names no host and port")
        return  # Ray looks for a cluster on this machine, and tells at once when there is none
    try:
        socket.create_connection((host, port), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise _unreachable(address, error.strerror or str(error)) from error


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep this process's way to end: Ray puts its own in the place of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _unreachable(address: str, fault: str) -> OutsideError:
    return OutsideError(
        f"cluster {address}", f"cannot be reached ({fault})", f"Start it, or correct or unset {VARIABLE}"
    )
