"""The container with all taken away that it can do without: it answers as ever."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scanops.release import cases, smoke
from scanops.release.engine import Engine
from tests.image_stage import wait_until_healthy
from tests.lambda_events import scans

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]
OPTIONS = ("--read-only", "--cap-drop", "ALL", "--user", "10001", "--network", "none")
OPTIONS += ("--security-opt", "no-new-privileges")
FIND_SHELLS = (
    "import os\nplaces = {os.path.realpath(f'/{d}/{n}') for d in ('bin', 'usr/bin') for n in"
    " ('sh', 'bash', 'dash', 'ash', 'busybox')}\nprint(*sorted(p for p in places if os.path.isfile(p)))"
)
# Sends what it is handed to the service beside it, and prints what came back.
CLIENT = """
import base64, http.client, sys
connection = http.client.HTTPConnection('127.0.0.1', 8080, timeout=60)
method, path, kind, body = sys.argv[1:]
connection.request(method, path, base64.b64decode(body), {'Content-Type': kind} if kind else {})
answer = connection.getresponse()
print(answer.status, answer.read().decode())
"""


def ask(engine: Engine, name: str, path: str, *files: bytes) -> tuple[int, str]:
    """Ask the service from inside of its container, where loopback is all there is."""
    body, kind = scans(*files) if files else (b"", "")
    method = "POST" if files else "GET"
    said = engine.call(
        "exec", name, "python3", "-c", CLIENT, method, path, kind, base64.b64encode(body).decode()
    )
    status, _, text = said.partition(" ")
    return int(status), text


@pytest.fixture(scope="module")
def bare(engine: Engine, report: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the image without a network, and with every shell in it replaced by an empty file."""
    empty = tmp_path_factory.mktemp("bare") / "empty"
    empty.touch()
    shells = engine.run_once(report["digest"], "python3", "-c", FIND_SHELLS).split()
    assert shells
    masked = [word for shell in shells for word in ("--volume", f"{empty}:{shell}:ro")]
    name = f"scanops-bare-{os.getpid()}"
    try:
        engine.start(report["digest"], name, [*OPTIONS, *masked])
        wait_until_healthy(engine, name)
        yield name
    finally:
        engine.remove(name)


def test_it_has_no_way_out_and_no_way_to_write(engine: Engine, bare: str) -> None:
    """The bounds hold: one interface, no capability, no file anywhere, no shell that starts."""
    code = (
        "import os, socket, subprocess\n"
        "status = dict(l.split(':', 1) for l in open('/proc/1/status').read().splitlines())\n"
        "print([n for _, n in socket.if_nameindex()], status['Uid'].split()[1], int(status['CapBnd'], 16))\n"
        "for path in ('/tmp/x', '/opt/scanops/x', '/var/x', '/run/x'):\n"
        "    try:\n        open(path, 'w')\n        print('wrote', path)\n    except OSError:\n        pass\n"
        "try:\n    subprocess.run(['sh', '-c', 'true'], check=True)\n    print('a shell ran')\n"
        "except OSError:\n    pass"
    )
    assert engine.call("exec", bare, "python3", "-c", code) == "['lo'] 10001 0"


def test_it_answers_as_evaluated(engine: Engine, bare: str, stage: Path) -> None:
    """Scans sent over loopback get the recorded answers."""
    chosen = cases.choose(stage / "splits.parquet", stage / "predictions.parquet", stage / "raw", 4)
    status, text = ask(engine, bare, "/v1/predict", *(case.data for case in chosen))
    assert status == 200
    assert smoke.compare(chosen, json.loads(text)["files"])[0] == []


def test_a_bad_file_leaves_it_serving(engine: Engine, bare: str) -> None:
    """What cannot be read is refused, and the next request is served."""
    status, text = ask(engine, bare, "/v1/predict", b"GIF89a" + bytes(99))
    assert (status, json.loads(text)["status"]) == (422, 422)
    assert ask(engine, bare, "/readyz")[0] == 200
