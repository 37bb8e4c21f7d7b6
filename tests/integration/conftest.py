"""What tests share that look from outside: the page in a real browser, and one image, built once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw

from scanops.release import hardening
from scanops.release.engine import Engine
from tests.bundles import make_bundle
from tests.image_stage import lay_out, run_stage, wait_until_healthy
from tests.patience import PATIENCE_S
from tests.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the bundle that the page's service answers with."""
    return make_bundle(tmp_path_factory.mktemp("bundle"), ("glioma", "meningioma", "no_tumor"), 64)


@pytest.fixture(scope="session")
def url(bundle: Path) -> Iterator[str]:
    """Run the service from this environment, as `make serve --local` does."""
    port = free_port()
    command = [sys.executable, "-m", "scanops.serving", "--bundle", str(bundle), "--port", str(port)]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_ready(f"http://127.0.0.1:{port}/readyz")
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def _wait_ready(address: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            opener.open(address, timeout=2)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw a picture that looks a little like a slice."""
    image = Image.new("L", (300, 340), 6)
    ImageDraw.Draw(image).ellipse((40, 30, 260, 310), fill=120)
    path = tmp_path_factory.mktemp("scan") / "slice one.png"
    image.save(path)
    return path


@pytest.fixture(params=[(1280, 860, "light"), (390, 844, "dark")], ids=["desktop", "phone"])
def page(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Open the page; afterwards hold it to no console error and no request to another host."""
    width, height, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.set_default_timeout(1000 * PATIENCE_S)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    requests: list[str] = []
    page.on("request", lambda sent: requests.append(sent.url))
    page.goto(url)
    yield page
    context.close()
    # A refused request is a status that Chromium notes on the console; nothing else may be there.
    noted = re.compile(r"Failed to load resource: .*(\b(409|422|503)\b|ERR_INTERNET_DISCONNECTED)")
    assert [fault for fault in faults if not noted.match(fault)] == []
    assert [sent for sent in requests if not sent.startswith((url, "blob:"))] == []


@pytest.fixture(scope="session")
def stage(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the stage once; give the folder with its report."""
    folder = tmp_path_factory.mktemp("image")
    lay_out(folder)
    done = run_stage(folder)
    assert done.returncode == 0, done.stderr
    assert "make serve" in done.stdout
    return folder


@pytest.fixture(scope="session")
def report(stage: Path) -> dict[str, Any]:
    """Give the report of the stage."""
    return dict(json.loads((stage / "image.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def container(engine: Engine, report: dict[str, Any]) -> Iterator[str]:
    """Run the image as `make serve` does, until it is healthy by its own check."""
    name = f"scanops-test-{os.getpid()}"
    try:
        engine.start(report["digest"], name, hardening.run_options(engine, "127.0.0.1:"))
        wait_until_healthy(engine, name)
        yield name
    finally:
        engine.remove(name)
