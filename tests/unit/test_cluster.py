"""A cluster that cannot be used is told of at once, and without Ray nothing of it is loaded."""

from __future__ import annotations

import pickle
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scanops import cluster, cluster_connection, cluster_task
from scanops.errors import OutsideError
from tests.ports import free_port
from tests.unit import worker_tasks

SQUARE = pickle.dumps(worker_tasks.square)


def _ask(address: str) -> list[tuple[int, int]]:
    return list(cluster.each(worker_tasks.square, range(4), address=address, chunk=2))


def test_the_environment_names_the_cluster() -> None:
    """Unset and empty mean this machine alone."""
    assert cluster.address_from({}) is None
    assert cluster.address_from({"SCANOPS_CLUSTER": ""}) is None
    assert cluster.address_from({"SCANOPS_CLUSTER": "ray://head:10001"}) == "ray://head:10001"


def test_nothing_to_do_asks_no_cluster() -> None:
    """A scan in which nothing changed needs no cluster."""
    assert list(cluster.each(worker_tasks.square, [], address="nowhere:1", chunk=2)) == []


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_that_does_not_listen_is_an_outside_fault(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 4 with address and remedy, and without asking Ray, which would wait for minutes."""
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "init", None)  # would fail if called
    address = f"{scheme}127.0.0.1:{free_port()}"
    with pytest.raises(OutsideError, match=r"cannot be reached .*refused.*SCANOPS_CLUSTER") as caught:
        _ask(address)
    assert caught.value.exit_code == 4
    assert address in str(caught.value)


@pytest.mark.parametrize("address", ["nonsense", "host:port", "ray://", "127.0.0.1"])
def test_an_address_without_host_and_port_is_told(address: str) -> None:
    """A typing error is no reason to look for a cluster elsewhere."""
    pytest.importorskip("ray")
    with pytest.raises(OutsideError, match="cannot be reached"):
        _ask(address)


def test_a_missing_ray_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4 with the command that installs it."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(OutsideError, match=r"Ray: is not installed. Run `pip install scanops\[cluster\]`"):
        _ask("127.0.0.1:1")


def refusing(monkeypatch: pytest.MonkeyPatch, reason: str, times: int) -> list[dict[str, object]]:
    """Put a stand-in for `ray.init` there, which refuses the first sessions as Ray's client does."""
    ray = pytest.importorskip("ray")
    asked: list[dict[str, object]] = []

    def init(**wishes: object) -> None:
        asked.append(wishes)
        if len(asked) <= times:
            raise ConnectionAbortedError(f"Initialization failure from server:\n{reason}\n")

    monkeypatch.setattr(ray, "init", init)
    return asked


PROXY = "Traceback (most recent call last):\n  File ...\nRuntimeError: "
BUSY = (
    f"{PROXY}Starting Ray client server failed. See ray_client_server_23000.err for detailed logs.",
    f"{PROXY}Proxy failed to Connect to backend! Check `ray_client_server.err` on the head node.",
    f"{PROXY}Failed to get node info for possible node ids: {{'1'}} when trying to resolve node.",
    f"{PROXY}No node info found matching attributes: '' when trying to resolve node to connect to.",
    "Call to `ray.init()` on the server failed with: Failed to register worker to Raylet",
)


@pytest.mark.parametrize("reason", BUSY)
def test_a_busy_head_is_asked_again(reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that a busy head did not begin in time is asked for again: nothing was handed over."""
    asked = refusing(monkeypatch, reason, 2)
    with (
        socket.create_server(("127.0.0.1", 0)) as door,
        cluster_connection.connected(f"ray://127.0.0.1:{door.getsockname()[1]}"),
    ):
        assert len(asked) == 3
        assert all(wishes == asked[0] for wishes in asked)


@pytest.mark.parametrize(
    ("reason", "times"),
    [(BUSY[1], cluster_connection.MOST_SESSIONS), ("Runtime environment doesn't match request one", 1)],
)
def test_a_head_that_refuses_for_good_is_told(
    reason: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking ends after three refusals, or at one that no time heals; the server's own reason is told."""
    asked = refusing(monkeypatch, reason, 100)
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = f"ray://127.0.0.1:{door.getsockname()[1]}"
        said = re.escape(f"{address}: cannot be reached ({reason.splitlines()[-1]})")
        with (
            pytest.raises(OutsideError, match=said),
            cluster_connection.connected(address),
        ):
            pytest.fail("there is no session")
    assert len(asked) == times


def test_ray_still_says_what_passes() -> None:
    """The reasons that are taken for passing are words of the installed Ray."""
    ray = pytest.importorskip("ray")
    said = ["util/client/server/proxier.py", "util/client/server/server.py", "_private/services.py"]
    words = "".join((Path(ray.__file__).parent / file).read_text(encoding="utf-8") for file in said)
    assert [reason for reason in cluster_connection.PASSING if reason not in words] == []


def test_ray_is_loaded_when_it_is_asked_for_only() -> None:
    """Importing the module costs nothing."""
    program = "import sys, scanops.cluster; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_node_does_a_chunk() -> None:
    """Results up to the first exception, which is sent along."""
    fail = pickle.dumps(worker_tasks.fail)
    answer = cluster_task.run(fail, [7, 8, 9, 10], cluster_task.software(), None)
    assert answer.results == [7, 8]
    assert isinstance(answer.error, ValueError)
    assert answer.complaint is None


def test_a_node_with_other_software_complains() -> None:
    """A library of another version could decode differently: nothing is done there."""
    here = cluster_task.software()
    other = replace(here, versions={**here.versions, "pillow": "0.0"})
    answer = cluster_task.run(SQUARE, [1], other, None)
    assert answer.results == []
    assert re.search(r"has pillow \S+ instead of 0\.0$", str(answer.complaint))


def test_a_node_with_another_release_complains() -> None:
    """Other code there is told by the module; a module that the work does not load may differ."""
    here = cluster_task.software()
    other = replace(here, sources={**here.sources, "scanops.cluster_task": "0"})
    answer = cluster_task.run(SQUARE, [1], other, None)
    assert answer.results == []
    assert str(answer.complaint).endswith("has another release of scanops.cluster_task")
    unused = replace(here, sources={**here.sources, "scanops.never_loaded": "0"})
    assert cluster_task.run(SQUARE, [1], unused, None).complaint is None


def test_a_node_that_does_not_see_the_files_complains(tmp_path: Path) -> None:
    """A missing mount is not reported as thousands of missing files."""
    expected = cluster_task.software()
    assert cluster_task.run(SQUARE, [3], expected, str(tmp_path)).complaint is None
    answer = cluster_task.run(SQUARE, [3], expected, str(tmp_path / "raw"))
    assert answer.results == []
    assert f"has no folder {tmp_path / 'raw'}" in str(answer.complaint)


def test_a_node_that_cannot_import_the_work_complains() -> None:
    """Another release there is told as such."""
    unknown = SQUARE.replace(b"square", b"sphere")
    answer = cluster_task.run(unknown, [3], cluster_task.software(), None)
    assert "cannot import the work" in str(answer.complaint)
