"""The socket that the service listens on."""

from __future__ import annotations

import socket

from scanops.errors import OutsideError

BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """Begin to listen.

    Args:
        host: An address of this machine.
        port: From 1 to 65535.

    Returns:
        The socket; connections can come from now on.

    Raises:
        OutsideError: The address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        fault = f"cannot be listened on ({error.strerror})"
        raise OutsideError(f"address {host}:{port}", fault, "Give another --port, or end its user") from error
    # Connections inherit it. asyncio sets it on sockets that it opens itself, but not on those of this one;
    # without it the end of an answer waits until the client has confirmed its beginning: up to 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
