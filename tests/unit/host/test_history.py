"""A host remembers what was deployed, and belongs to one run at a time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from scanops_host import history
from scanops_host.faults import FaultError

from tests.unit.host.settings import make_settings


def test_a_second_run_is_refused_by_the_name_of_the_first(tmp_path: Path) -> None:
    """Two deployments at once: the second learns who holds the host, and what to do."""
    settings = make_settings(tmp_path)
    history.lock(settings, "run-1", "ada")
    with pytest.raises(FaultError, match=r"held by ada \(run run-1\)") as refused:
        history.lock(settings, "run-2", "bob")
    assert refused.value.kind == "usage"
    with pytest.raises(FaultError, match="does not hold"):
        history.require_lock(settings, "run-2")
    history.require_lock(settings, "run-1")


@pytest.mark.parametrize("way", ["given back", "known as dead", "lease over"])
def test_a_lock_that_nobody_holds_is_taken(tmp_path: Path, way: str) -> None:
    """Given back, left by a dead run, or not renewed in time: the next run gets the host."""
    settings = make_settings(tmp_path, lock_lease_s=60)
    history.lock(settings, "run-1", "ada")
    if way == "given back":
        assert history.unlock(settings, "run-1")
    if way == "lease over":
        old = time.time() - 61
        os.utime(tmp_path / "lock", (old, old))
    history.lock(settings, "run-2", "bob", "run-1" if way == "known as dead" else "")
    held = history.holder(settings)
    assert held is not None
    assert held["run"] == "run-2"


def test_only_the_holder_gives_a_host_back(tmp_path: Path) -> None:
    """A run that lost its lock does not take the next one's away."""
    settings = make_settings(tmp_path)
    history.lock(settings, "run-1", "ada")
    assert not history.unlock(settings, "run-2")
    assert history.holder(settings) is not None


def test_a_run_keeps_a_host_that_nobody_else_took(tmp_path: Path) -> None:
    """A lease that ended within a long run does not stand in the way of that run's own rollback."""
    settings = make_settings(tmp_path, lock_lease_s=60)
    history.lock(settings, "run-1", "ada")
    old = time.time() - 61
    os.utime(tmp_path / "lock", (old, old))
    assert history.holder(settings) is None  # anybody may take it
    history.require_lock(settings, "run-1")
    assert history.holder(settings) is not None  # and it is renewed
    os.utime(tmp_path / "lock", (old, old))
    history.lock(settings, "run-2", "bob")
    with pytest.raises(FaultError, match="does not hold"):
        history.require_lock(settings, "run-1")


def test_a_torn_line_costs_no_other(tmp_path: Path) -> None:
    """What is written after a power cut is read."""
    settings = make_settings(tmp_path)
    history.add(settings, "kept", digest="one")
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"event": "ke')
    history.add(settings, "switched", digest="two")
    assert [event["digest"] for event in history.read(settings)] == ["one", "two"]


def test_a_version_that_was_put_back_is_none_to_go_back_to(tmp_path: Path) -> None:
    """Kept for a moment, then left as another host had a fault; kept again later, it counts."""
    settings = make_settings(tmp_path)
    history.add(settings, "kept", digest="one")
    history.add(settings, "kept", digest="two")
    history.add(settings, "put_back", digest="one", instead_of="two")
    assert history.kept(history.read(settings)) == ["one"]
    history.add(settings, "kept", digest="two")
    assert history.kept(history.read(settings)) == ["two", "one"]


def test_history_survives_a_torn_line(tmp_path: Path) -> None:
    """A power cut in the middle of a line costs that line alone."""
    settings = make_settings(tmp_path)
    for digest in ("one", "two", "one"):
        history.add(settings, "kept", digest=digest)
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"event": "ke')
    events = history.read(settings)
    assert [event["digest"] for event in events] == ["one", "two", "one"]
    assert history.kept(events) == ["one", "two"]
    last = history.last(events, "kept")
    assert last is not None
    assert last["digest"] == "one"
