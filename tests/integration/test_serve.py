"""`make serve`: the image by its digest, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import httpx
import pytest

from scanops.monitoring import store
from scanops.release.engine import Engine
from scanops.serving import tokens
from tests.bundles import make_bundle
from tests.patience import PATIENCE_S
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("engine")


def serve(folder: Path, port: int, *options: str, **env: str) -> subprocess.Popen[str]:
    """Start it as `make serve` does, in a session of its own so that Ctrl-C can be sent."""
    command = [sys.executable, "-m", "pipelines.serve", "--port", str(port), *options]
    command += ["--bundle", str(folder / "bundle"), "--report", str(folder / "image.json")]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_ready(process: subprocess.Popen[str], port: int) -> bool:
    """Wait for a ready answer; say whether it came."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + PATIENCE_S
    ready = False
    while not ready and process.poll() is None and time.monotonic() < deadline:
        try:
            ready = opener.open(f"http://127.0.0.1:{port}/readyz", timeout=2).status == 200
        except OSError:
            time.sleep(0.1)
    assert process.poll() is None, process.communicate()[0]
    return ready


def stop(process: subprocess.Popen[str]) -> str:
    """Send Ctrl-C, and return what was printed."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=PATIENCE_S)[0]


def stop_when_ready(process: subprocess.Popen[str], port: int) -> str:
    """Wait for a ready answer, send Ctrl-C, and return what was printed."""
    ready = wait_ready(process, port)
    output = stop(process)
    assert ready, output
    return output


@pytest.mark.parametrize(("options", "env"), [(("--local",), {}), ((), {"SCANOPS_ENGINE": "none"})])
def test_serves_from_the_environment_where_asked(
    tmp_path: Path, options: tuple[str, ...], env: dict[str, str]
) -> None:
    """Without a container the same service answers, and that is said."""
    make_bundle(tmp_path / "bundle")
    port = free_port()
    output = stop_when_ready(serve(tmp_path, port, *options, **env), port)
    assert f"http://127.0.0.1:{port}  from this environment (as asked)" in output
    assert "Traceback" not in output


@pytest.mark.engine
def test_serves_the_image_and_leaves_no_container(
    engine: Engine, report: dict[str, Any], tmp_path: Path
) -> None:
    """The tested image runs by its digest; Ctrl-C ends and removes it."""
    (tmp_path / "image.json").write_text(json.dumps({"digest": report["digest"]}), encoding="utf-8")
    port = free_port()
    output = stop_when_ready(serve(tmp_path, port), port)
    assert f"http://127.0.0.1:{port}  image" in output
    assert "stopped" in output
    assert "Traceback" not in output
    assert f"scanops-serve-{port}" not in engine.call("ps", "--all", "--format", "{{.Names}}")


@pytest.mark.engine
def test_what_the_operator_set_holds_in_the_container(
    engine: Engine, report: dict[str, Any], tmp_path: Path
) -> None:
    """Tokens, rates and feedback of the environment are those of the service, as without a container."""
    (tmp_path / "image.json").write_text(json.dumps({"digest": report["digest"]}), encoding="utf-8")
    token, line = tokens.make("ward")
    (tmp_path / "tokens").write_text(line, encoding="utf-8")
    (tmp_path / "kept, safely").mkdir()
    (tmp_path / "kept, safely").chmod(0o777)  # the container's user is nobody here
    place, port = tmp_path / "kept, safely" / "store.sqlite", free_port()
    settings = {"SCANOPS_TOKENS": str(tmp_path / "tokens"), "SCANOPS_FEEDBACK": str(place)}
    process = serve(tmp_path, port, **settings, SCANOPS_RATE="0.001", SCANOPS_BURST="1")
    try:
        wait_ready(process, port)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            asked = ({}, *[{"authorization": f"Bearer {token}"}] * 2)
            statuses = [client.get("/v2", headers=headers).status_code for headers in asked]
    finally:
        stop(process)
    assert statuses == [401, 200, 429]
    assert store.read(place) == []


@pytest.mark.engine
def test_a_missing_image_is_told(engine: Engine, tmp_path: Path) -> None:
    """An image that this engine does not have ends with 4 and how to make it."""
    (tmp_path / "image.json").write_text(json.dumps({"digest": "sha256:" + "0" * 64}), encoding="utf-8")
    process = serve(tmp_path, free_port())
    output = process.communicate(timeout=PATIENCE_S)[0]
    assert process.returncode == 4
    assert "make image" in output
