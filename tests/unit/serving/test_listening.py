"""The socket that the service listens on."""

from __future__ import annotations

import socket

import pytest

from scanops.errors import OutsideError
from scanops.serving.listening import listen
from tests.ports import free_port


def test_the_end_of_an_answer_does_not_wait_for_its_beginning_to_be_confirmed() -> None:
    """Connections are accepted with Nagle's algorithm off."""
    port = free_port()
    with listen("127.0.0.1", port) as listening, socket.create_connection(("127.0.0.1", port)):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_in_use_is_told() -> None:
    """An outside fault that names the address and a way out."""
    port = free_port()
    with (
        listen("127.0.0.1", port),
        pytest.raises(OutsideError, match=f"127.0.0.1:{port}: cannot be listened"),
    ):
        listen("127.0.0.1", port)
