"""One site for all scenarios: each of its full runs costs a minute or more."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from scanops.release.engine import Engine
from tests.automation import act
from tests.automation.site import IMAGE, Site, running_site


@pytest.fixture(scope="session")
def site(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Site]:
    """Start the parts; at the end print what has run, and remove the images that were built."""
    act.program()
    with running_site(tmp_path_factory.mktemp("site")) as one:
        yield one
        terminal = request.config.pluginmanager.get_plugin("terminalreporter")
        assert terminal
        for line in ("", *one.story):
            terminal.write_line(line)
        _remove_images(engine, one.repository)


def _remove_images(engine: Engine, repository: str) -> None:
    for name in (IMAGE, repository):
        listed = subprocess.run(
            [engine.program, "images", "--quiet", "--no-trunc", name],
            capture_output=True,
            text=True,
            check=True,
        )
        for image in sorted(set(listed.stdout.split())):
            subprocess.run([engine.program, "rmi", "--force", image], capture_output=True, check=False)
