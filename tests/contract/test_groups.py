"""Tests that share a slow part run in one process, however many there are."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("groups")
def test_a_group_reaches_the_scheduler(request: pytest.FixtureRequest) -> None:
    """Without the suffix that pytest-xdist gives a grouped test, each process would build the image anew."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ and request.config.getoption("loadgroup", default=False)
    assert request.node.nodeid.endswith("@groups") == bool(parallel)
