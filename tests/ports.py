"""Ports for what a test starts, which nobody else takes between the choice and the use.

Who asks for port 0, and whoever opens a connection, gets a port of one range (on Linux from 32,768 on).
One that was free a moment ago may be gone when a slow start comes to listen there.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator

# Below that range, and beside the ports that Ray chooses (workers to 19,999, clients 23,000 to 23,999).
PORTS = range(24_100, 32_700)


def free_port() -> int:
    """Give a port of this machine that nobody listens on, and no other worker of pytest-xdist is given.

    Returns:
        The port; each is given once until all were.
    """
    for port in _OWN:
        with socket.socket() as door:
            try:
                door.bind(("", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def _own() -> Iterator[int]:
    """Go through the ports of this worker, from a random one: another run may be on this machine."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    place = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = PORTS[place::workers]
    start = random.randrange(len(own))  # noqa: S311 -- no secret
    for _ in range(100):
        yield from own[start:]
        yield from own[:start]


_OWN = _own()
