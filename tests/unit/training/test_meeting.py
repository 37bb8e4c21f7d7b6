"""Workers wait for one another, and not without end."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from scanops.errors import OutsideError
from scanops.training import meeting
from scanops.training.leash import Leash
from scanops.training.team import Team
from tests.patience import PATIENCE_S
from tests.ports import free_port


@pytest.fixture
def addresses() -> tuple[str, ...]:
    """Three addresses of this machine that nobody uses."""
    return tuple(f"127.0.0.1:{free_port()}" for _ in range(3))


def _team(addresses: tuple[str, ...], place: int) -> Team:
    return Team(addresses, place, ("worker 0", "worker 1", "worker 2"))


def test_all_meet_and_leave_their_ports(addresses: tuple[str, ...]) -> None:
    """In whatever order they come, all go on, and TensorFlow finds their ports free."""
    with ThreadPoolExecutor(3) as pool:
        come = [pool.submit(meeting.meet, _team(addresses, place), None, PATIENCE_S) for place in (2, 0, 1)]
        for one in come:
            one.result()
    for address in addresses:
        socket.create_server(("", int(address.rpartition(":")[2]))).close()


def test_a_worker_that_does_not_come_is_named(addresses: tuple[str, ...]) -> None:
    """The chief gives up in time and names who is missing; who came learns that the chief is gone."""
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(meeting.meet, _team(addresses, 1), None, PATIENCE_S)
        chief = pool.submit(meeting.meet, _team(addresses, 0), None, 1)
        with pytest.raises(OutsideError, match=rf"worker 2 \({addresses[2]}\): cannot be reached"):
            chief.result()
        with pytest.raises(OutsideError, match=r"worker 0 .*has ended before all had come"):
            waiting.result()


def test_a_worker_that_has_ended_is_not_waited_for(addresses: tuple[str, ...]) -> None:
    """What is told of a worker that failed at its start ends the wait at once."""
    leash = Leash()
    leash.told = "worker 1 (here:1): ended with exit code 2"
    with pytest.raises(OutsideError, match=r"worker 1 \(here:1\): ended with exit code 2"):
        meeting.meet(_team(addresses, 0), leash, 30)


def test_a_chief_that_does_not_come_is_named(addresses: tuple[str, ...]) -> None:
    """A worker does not wait for the chief without end."""
    with pytest.raises(OutsideError, match=rf"worker 0 \({addresses[0]}\): has not called in time"):
        meeting.meet(_team(addresses, 1), None, 0.5)


def test_a_taken_port_is_told(addresses: tuple[str, ...]) -> None:
    """Where another program has the worker's port, the port is named."""
    port = int(addresses[1].rpartition(":")[2])
    with socket.create_server(("", port)), pytest.raises(OutsideError, match=f"port {port}"):
        meeting.meet(_team(addresses, 1), None, 5)
