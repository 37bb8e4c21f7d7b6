"""Tests that share a slow part run in one process, however many there are."""

from __future__ import annotations

import os
import re
from itertools import groupby
from pathlib import Path

import pytest

from tests.order import LONG, rank

ROOT = Path(__file__).parents[2]
SEEN: list[int] = []


@pytest.mark.xdist_group("groups")
def test_a_group_reaches_the_scheduler(request: pytest.FixtureRequest) -> None:
    """Without the suffix that pytest-xdist gives a grouped test, each process would build the image anew."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ and request.config.getoption("loadgroup", default=False)
    assert request.node.nodeid.endswith("@groups") == bool(parallel)


@pytest.mark.parametrize("number", range(6))
def test_a_file_is_not_torn_apart(number: int) -> None:
    """The tests of a file run in one process, in their order: its fixtures are made once."""
    SEEN.append(number)
    assert sorted(SEEN) == SEEN
    assert SEEN[-1] - SEEN[0] == len(SEEN) - 1


def test_what_lasts_longest_begins(request: pytest.FixtureRequest) -> None:
    """The long ones come first, each in one piece."""
    places = [place for place, _ in groupby(map(rank, request.session.items))]
    assert places == sorted(set(places))


@pytest.mark.parametrize("unit", LONG)
def test_what_is_said_to_last_exists(unit: str) -> None:
    """A name in the order is that of a group, or of a file whose tests are in none."""
    groups = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r'xdist_group\("(\w+)"\)', file.read_text(encoding="utf-8"))
    }
    assert unit in groups or "xdist_group" not in (ROOT / unit).read_text(encoding="utf-8")
