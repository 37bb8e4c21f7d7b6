"""What a host does about a version that serves already. The engine is a stand-in: a digest a slot."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from scanops_host import engine, gateway, history, rollout, service
from scanops_host.engine import Container
from scanops_host.faults import FaultError, verdict
from scanops_host.settings import Settings

from tests.unit.host.settings import make_settings

OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64


@dataclass
class Host:
    """A host without an engine.

    Attributes:
        settings: Its settings.
        slots: Digest of the running container in each.
        ready: Whether the version that serves answers.
        bad: Whether it fails its verification.
    """

    settings: Settings
    slots: dict[str, str] = field(default_factory=dict)
    ready: bool = True
    bad: bool = False

    def add(self, event: str, **details: Any) -> None:
        """Write into the history."""
        history.add(self.settings, event, **details)

    def serving(self) -> str | None:
        """Say which digest requests go to."""
        return self.slots.get(gateway.active(self.settings))

    def wait_ready(self, _settings: Settings, _slot: str) -> float:
        """Become ready, as a machine does that has just started."""
        self.ready = True
        return 0.1

    def verify(self, *_: object) -> None:
        """Judge the version."""
        if self.bad:
            raise verdict("golden image 0: left, recorded was right")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Give a host whose slot `a` served OLD, and whose slot `b` serves NEW."""
    (tmp_path / "gateway").mkdir()
    made = Host(make_settings(tmp_path), {"a": OLD, "b": NEW})
    gateway.switch(made.settings, "b")

    def container(_settings: Settings, slot: str) -> Container | None:
        digest = made.slots.get(slot)
        return Container(f"scanops-{slot}", digest, "", "", True, 0, "") if digest else None

    monkeypatch.setattr(engine, "container", container)
    monkeypatch.setattr(engine, "remove", lambda _settings, slot: made.slots.pop(slot, None))
    monkeypatch.setattr(service, "is_ready", lambda *_: made.ready)
    monkeypatch.setattr(service, "wait_ready", made.wait_ready)
    monkeypatch.setattr(rollout, "_verify", made.verify)
    made.add("kept", digest=OLD, run="run-0")
    return made


def test_a_bad_version_that_an_earlier_run_left_serving_is_put_back(host: Host) -> None:
    """The run before was lost after its switch; the next one sees the fault, and does not leave it there."""
    host.add("switched", digest=NEW, previous=OLD, run="run-1")
    host.bad = True
    with pytest.raises(FaultError, match="golden image") as refused:
        rollout.swap(host.settings, NEW, "run-2", check=False)
    assert refused.value.put_back_s is not None
    assert host.serving() == OLD


def test_a_good_version_that_an_earlier_run_left_is_gone_on_with(host: Host) -> None:
    """It is verified, then watched and kept as if this run had switched."""
    host.add("switched", digest=NEW, previous=OLD, run="run-1")
    assert rollout.swap(host.settings, NEW, "run-2", check=False)["switched"] is True
    assert host.serving() == NEW


@pytest.mark.parametrize("event", [{"event": "kept", "digest": NEW}, {"event": "put_back", "digest": NEW}])
def test_a_version_that_stays_is_waited_for_and_not_switched_to(host: Host, event: dict[str, str]) -> None:
    """After a restart of the host: it becomes ready, and no fault elsewhere puts it back."""
    host.add("switched", digest=NEW, previous=None, run="run-1")
    host.add(**event, run="run-1")
    host.ready = False
    assert rollout.swap(host.settings, NEW, "run-2", check=False) == {"changed": False, "switched": False}
    assert host.ready
    assert rollout.put_back(host.settings, "run-2", NEW)["changed"] is False
    assert host.serving() == NEW


def test_a_run_puts_back_what_it_switched_or_kept_itself(host: Host) -> None:
    """Its own switch whether it was kept or not; nothing where another version serves."""
    host.add("switched", digest=NEW, previous=OLD, run="run-1")
    host.add("kept", digest=NEW, run="run-1")
    assert rollout.put_back(host.settings, "run-1", OLD)["changed"] is False
    assert rollout.put_back(host.settings, "run-1", NEW)["to"] == OLD
    assert host.serving() == OLD
    assert rollout.put_back(host.settings, "run-1", NEW)["changed"] is False


def test_a_version_that_was_put_back_to_is_not_left_again(host: Host) -> None:
    """A lost run on a host that had gone back before finds nothing of its own there."""
    host.add("switched", digest=NEW, previous=OLD, run="run-1")
    rollout.put_back(host.settings, "run-1", NEW)
    assert rollout.put_back(host.settings, "run-2", OLD)["changed"] is False
    assert host.serving() == OLD
