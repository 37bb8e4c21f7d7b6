"""Which tests one worker of pytest-xdist gets together, and which begin first."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadGroupScheduling

# Groups and files that last longest. What is begun last should be short, or one worker ends alone.
LONG = (
    "pipeline",
    "engine",
    "promote",
    "train",
    "browser",
    "refusals",
    "ray",
    "export",
    "tests/functional/test_planted_defects.py",
    "tests/functional/test_evaluate_and_gate.py",
)


class FilesTogether(LoadGroupScheduling):  # type: ignore[misc] # pytest-xdist publishes no types
    """A group is a unit of work, and so is a file: what its tests share is made once, not by each worker."""

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return nodeid.partition("::")[0] if scope == nodeid else scope


def rank(item: pytest.Item) -> int:
    """Tell which place a test has in the order.

    Args:
        item: The test.

    Returns:
        The place of its group or file among the long ones; after all of these for any other.
    """
    mark = item.get_closest_marker("xdist_group")
    unit = mark.args[0] if mark else item.nodeid.partition("::")[0]
    return LONG.index(unit) if unit in LONG else len(LONG)
