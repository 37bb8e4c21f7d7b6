"""Parts that tests need from outside: found, or skipped with the reason; under CI=true a failure."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from scanops.release import engine_setup
from scanops.release.engine import Engine
from tests.order import FilesTogether, rank

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from xdist.remote import Producer

BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# A busy machine is no fault: an example may last as long as it likes, and so may making one up.
settings.register_profile(
    "patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

# A shell that starts the tests in the background has programs ignore Ctrl-C, and what they start inherits it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesTogether | None:
    """Share out files and groups in the order of `rank`: pytest-xdist begins with those of most tests."""
    if config.getvalue("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False
    return FilesTogether(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what lasts longest."""
    items.sort(key=rank)


def require_part(found: object, reason: str) -> None:
    """Skip a test whose outside part is missing; where CI=true, fail it: there all parts are installed.

    Args:
        found: Anything true when the part is here.
        reason: What is missing.
    """
    if found:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (under CI=true this is a failure)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Give the container engine that answers; nothing is installed or started for a test."""
    found = None if os.environ.get("SCANOPS_ENGINE") == "none" else engine_setup.answering(os.environ)
    require_part(found, "no container engine answers")
    assert found is not None
    return found


# Not for the whole session: while Playwright runs, no other event loop can in its process.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a headless Chromium with a fresh profile."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    require_part(program, "no Chromium on the PATH")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- slow, and few tests need it

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(BROWSER_FLAGS))
        yield chromium
        chromium.close()
