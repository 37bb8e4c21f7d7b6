"""A cluster that cannot be used is told of at once, and without Ray nothing of it is loaded."""

from __future__ import annotations

import pickle
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from scanops import cluster, cluster_task
from scanops.errors import OutsideError
from tests.unit import worker_tasks

SQUARE = pickle.dumps(worker_tasks.square)


def _ask(address: str) -> list[tuple[int, int]]:
    return list(cluster.each(worker_tasks.square, range(4), address=address, chunk=2))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_the_environment_names_the_cluster() -> None:
    """Unset and empty mean this machine alone."""
    assert cluster.address_from({}) is None
    assert cluster.address_from({"SCANOPS_CLUSTER": ""}) is None
    assert cluster.address_from({"SCANOPS_CLUSTER": "ray://head:10001"}) == "ray://head:10001"


def test_nothing_to_do_asks_no_cluster() -> None:
    """A scan in which nothing changed needs no cluster."""
    assert list(cluster.each(worker_tasks.square, [], address="nowhere:1", chunk=2)) == []


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_that_does_not_listen_is_an_outside_fault(scheme: str) -> None:
    """Exit code 4 within seconds, where Ray itself would wait for minutes, naming address and remedy."""
    pytest.importorskip("ray")
    address = f"{scheme}127.0.0.1:{_free_port()}"
    before = time.monotonic()
    with pytest.raises(OutsideError, match=r"cannot be reached .*refused.*SCANOPS_CLUSTER") as caught:
        _ask(address)
    assert time.monotonic() - before < cluster.CONNECT_TIMEOUT_S
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
