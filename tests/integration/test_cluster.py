"""A real Ray cluster gives what this machine gives, and survives what this machine survives."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scanops.data import layout, manifest
from scanops.data.gather import Means
from scanops.data.survey import survey
from scanops.validation_rules import Validation
from tests import ray_cluster
from tests.conftest import require_part
from tests.pictures import encode, noise, save

# One cluster at a time, started once: its parts alone are more processes than a small machine has cores.
pytestmark = pytest.mark.xdist_group("ray")

PROGRAM = """
import json, os, signal, sys
from functools import partial
from pathlib import Path
from scanops import cluster
from scanops.errors import ScanopsError
from tests.unit import worker_tasks as tasks

def show(work, lost=None, **more):
    try:
        return list(cluster.each(work, range(12), address=sys.argv[1], chunk=4, lost=lost, **more))
    except (ScanopsError, ValueError) as error:
        return f"{type(error).__name__}: {error}"

cases = {
    "plain": lambda: show(tasks.tiny),
    "killers": lambda: show(partial(tasks.die, {3, 9}, "SIGKILL"), lambda number: 10_000 + number),
    "nobody": lambda: show(partial(tasks.die, {3}, "SIGSEGV")),
    "raised": lambda: show(tasks.fail),
    "unseen": lambda: show(tasks.tiny, shared=Path("/no/such/folder")),
    "sigterm": lambda: signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
    "statistics": lambda: os.environ["RAY_USAGE_STATS_ENABLED"],
}
found = {name: cases[name]() for name in sys.argv[2:]}
print(json.dumps(found))
"""
MANIFEST = """
import os, sys
from pathlib import Path
from scanops import cluster
from scanops.data import layout, manifest
from scanops.data.gather import Means
from scanops.data.survey import survey
from scanops.validation_rules import Validation

root = Path(sys.argv[1])
address = cluster.address_from(os.environ)
assert address
frame = survey(root, layout.classify(layout.find(root)).placed, Validation(), Means(cluster=address))
manifest.write(frame, Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def ports() -> Iterator[ray_cluster.Ports]:
    """Start a cluster for this module."""
    require_part(importlib.util.find_spec("ray"), "Ray is not installed")
    with ray_cluster.running() as found:
        yield found


def _run(program: str, *arguments: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**ray_cluster.environment(), **environment},
        cwd=ray_cluster.ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=600,
    ).stdout


def _ask(address: str, *cases: str) -> dict[str, Any]:
    # Ray prints its own lines about a death before.
    found: dict[str, Any] = json.loads(_run(PROGRAM, address, *cases).splitlines()[-1])
    return found


PLAIN = [1 / (number + 3) for number in range(12)]
KILLERS = [10_000 + number if number in {3, 9} else -number for number in range(12)]


def test_a_process_on_a_node_gets_the_same(ports: ray_cluster.Ports) -> None:
    """Results, deaths, exceptions and complaints arrive as they do from workers of this machine."""
    found = _ask(ports.node, "plain", "killers", "nobody", "raised", "unseen", "sigterm", "statistics")
    assert found["plain"] == PLAIN
    assert found["killers"] == KILLERS
    assert "worker on 3: died again when it was tried alone (WorkerCrashedError)" in found["nobody"]
    assert found["raised"].startswith("ValueError: nine")
    assert "has no folder /no/such/folder" in found["unseen"]
    assert found["sigterm"], "Ray's own handler of SIGTERM stayed"
    assert found["statistics"] == "0"


def test_a_process_elsewhere_gets_the_same(ports: ray_cluster.Ports) -> None:
    """The same through Ray's client, which needs no Ray processes where it runs."""
    require_part(importlib.util.find_spec("grpc"), "grpcio is not installed")
    assert _ask(ports.client, "killers") == {"killers": KILLERS}


def test_the_manifest_is_the_same_byte_for_byte(ports: ray_cluster.Ports, tmp_path: Path) -> None:
    """Where the work was done does not show in the manifest."""
    raw = tmp_path / "raw"
    for number in range(60):
        save(raw / "ab"[number % 2] / f"{number}.png", encode(noise(number // 2)))
    save(raw / "a" / "broken.jpg", b"nothing")
    (raw / "a" / "link.png").symlink_to("0.png")
    frame = survey(raw, layout.classify(layout.find(raw)).placed, Validation(), Means(workers=1))
    manifest.write(frame, tmp_path / "here.parquet")
    _run(MANIFEST, str(raw), str(tmp_path / "there.parquet"), SCANOPS_CLUSTER=ports.node)
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()
