"""The steps of a deployment on one host: swap, watch, keep; or put back."""

from __future__ import annotations

import time
from typing import Any

from scanops_host import engine, gateway, history, images, service
from scanops_host.faults import FaultError, outside, usage, verdict
from scanops_host.judgement import Timing, judge
from scanops_host.settings import Settings


def serving(settings: Settings) -> engine.Container | None:
    """Return the container that requests go to, if it runs."""
    found = engine.container(settings, gateway.active(settings))
    return found if found and found.running else None


def is_settled(settings: Settings, digest: str) -> bool:
    """Say whether a version serves, is ready, and was kept."""
    now = serving(settings)
    if now is None or now.digest != digest:
        return False
    event = history.last(history.read(settings), "kept", "switched", "put_back", "retired")
    settled = event is not None and event["event"] != "switched" and event.get("digest") == digest
    return settled and service.is_ready(settings.slots[gateway.active(settings)])


def swap(settings: Settings, digest: str, run: str, check: bool, alone: bool = False) -> dict[str, Any]:
    """Bring a version up beside the one that serves, verify it, and send requests to it.

    Args:
        settings: Of this host.
        digest: A version whose image and golden images are here.
        run: The playbook's run.
        check: Only say what would change.
        alone: Do not hold its speed against the version that serves: that one is to be left.

    Returns:
        `changed`, `switched`, and for `watch` `before_p95_ms`.

    Raises:
        FaultError: It does not hold; the old version serves as before, and the new one is gone.
    """
    if is_settled(settings, digest):
        return {"changed": False, "switched": False}
    now, active = serving(settings), gateway.active(settings)
    previous = now.digest if now else None
    if check:
        return {"changed": True, "switched": False, "diff": {"before": previous, "after": digest}}
    if now and now.digest == digest:
        return _resume(settings, active, digest, run)
    slot = gateway.other(active)
    engine.remove(settings, slot)
    try:
        engine.start(settings, slot, digest)
        before = _verify(settings, slot, digest, active if now and not alone else None)
    except FaultError as fault:
        began = time.monotonic()
        engine.remove(settings, slot)
        history.add(settings, "refused", digest=digest, run=run, fault=fault.text)
        fault.put_back_s = time.monotonic() - began
        raise
    history.add(settings, "switched", digest=digest, previous=previous, run=run)
    gateway.switch(settings, slot)
    return {"changed": True, "switched": True, "before_p95_ms": before}


def _resume(settings: Settings, slot: str, digest: str, run: str) -> dict[str, Any]:
    """Go on with a version that serves already, and is not settled."""
    event = history.last(history.read(settings), "kept", "switched", "put_back")
    if event and event["event"] != "switched":
        # It stays, but is not ready: its engine or its machine has just started. Nothing is to be put back.
        service.wait_ready(settings, slot)
        return {"changed": False, "switched": False}
    # An earlier run switched and was lost before it had watched.
    try:
        _verify(settings, slot, digest, None)
    except FaultError as fault:
        began = time.monotonic()
        if put_back(settings, run, digest)["changed"]:
            fault.put_back_s = time.monotonic() - began
        raise
    return {"changed": True, "switched": True, "resumed": True, "before_p95_ms": None}


def _verify(settings: Settings, slot: str, digest: str, other: str | None) -> float | None:
    golden = service.read_golden(settings, digest)
    service.wait_ready(settings, slot)
    service.require_version(settings, slot, golden)
    service.require_golden(settings, slot, golden)
    old = service.rehearse(settings, slot, golden, other)[1]
    return old.p95_ms if old else None


def watch(settings: Settings, digest: str, before_p95_ms: float | None) -> dict[str, Any]:
    """Watch a version that has just taken over: everybody's requests, and some of our own.

    Args:
        settings: How long, and what is too much.
        digest: The version.
        before_p95_ms: Of the version before, through its own port.

    Returns:
        `requests`, `failed`, `p95_ms`.

    Raises:
        FaultError: It does not hold.
    """
    seen = Timing(0, 0, [])
    for attempt in range(2):
        seen = _look_on(settings, digest)
        fault = judge(settings, seen, before_p95_ms)
        if fault is None:
            break
        # Errors are believed at once; slowness only when it is seen twice, as a busy host can be slow itself.
        if fault.startswith("error rate") or attempt:
            raise verdict(f"watch: {fault}")
    return {"requests": seen.sent, "failed": seen.failed, "p95_ms": round(seen.p95_ms, 1)}


def _look_on(settings: Settings, digest: str) -> Timing:
    slot, golden = gateway.active(settings), service.read_golden(settings, digest)
    log, seen, ours = gateway.Log(settings), Timing(0, 0, []), Timing(0, 0, [])
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < settings.watch_s:
        if ours.sent < elapsed * settings.probe_rate_hz:
            service.time_one(settings.local_port, golden, ours.sent, ours)
            if ours.sent % 10 == 0:
                _require_running(settings, slot, digest)
            continue
        log.count(slot, seen)
        if fault := judge(settings, seen, None):
            raise verdict(f"watch, after {elapsed:.0f} s: {fault}")
        time.sleep(0.05)
    time.sleep(0.2)  # the log's last lines
    log.count(slot, seen)
    _require_running(settings, slot, digest)
    if ours.sent and not seen.sent:
        raise outside(
            f"gateway: {ours.sent} requests left no line in {settings.access_log}. See its error log"
        )
    return seen


def _require_running(settings: Settings, slot: str, digest: str) -> None:
    found = engine.container(settings, slot)
    if found is None or not found.running or found.restarts or found.digest != digest:
        raise verdict(f"watch: the container ended ({engine.logs(f'{settings.name}-{slot}')})")


def keep(settings: Settings, digest: str, run: str, details: dict[str, Any]) -> dict[str, Any]:
    """Stop the version before, and note that this one stays.

    The container of the one before stays as it ended, to be started again by `put_back`.
    """
    slot = gateway.other(gateway.active(settings))
    before = engine.container(settings, slot)
    if before and before.running:
        time.sleep(settings.drain_s)
        engine.stop(settings, slot)
    now = serving(settings)
    if now is None or now.digest != digest:
        raise outside(f"version {digest}: no longer serves on this host. Run the deployment again")
    history.add(settings, "kept", digest=digest, bundle=now.bundle_sha256, run=run, **details)
    keepers = history.kept(history.read(settings))[: settings.keep_versions]
    return {"changed": True, "removed": images.prune(settings, keepers)}


def put_back(settings: Settings, run: str, digest: str) -> dict[str, Any]:
    """Return to what served before a run switched to a version.

    Args:
        settings: Of this host.
        run: The playbook's run.
        digest: The version to leave.

    Returns:
        `changed`, `to` (None where nothing served before), `seconds`.
    """
    began, active = time.monotonic(), gateway.active(settings)
    now = engine.container(settings, active)
    events = history.read(settings)
    newest = history.last(events, "switched", "kept", "put_back") or {}
    # The caller may not know whether its run switched: what an earlier one kept is not this one's to leave.
    ours = newest.get("event") == "switched" or (newest.get("event") == "kept" and newest["run"] == run)
    if now is None or now.digest != digest or newest.get("digest") != digest or not ours:
        return {"changed": False, "to": now.digest if now else None, "seconds": 0.0}
    switched = history.last(events, "switched")
    to = switched.get("previous") if switched else None
    slot = gateway.other(active)
    if to:
        _raise_again(settings, slot, to)
        gateway.switch(settings, slot)
        time.sleep(settings.drain_s)
    seconds = time.monotonic() - began
    engine.remove(settings, active)
    history.add(settings, "put_back", digest=to, instead_of=digest, run=run)
    return {"changed": True, "to": to, "seconds": round(seconds, 2)}


def _raise_again(settings: Settings, slot: str, digest: str) -> None:
    found = engine.container(settings, slot)
    if found is None or found.digest != digest:
        engine.remove(settings, slot)
        engine.start(settings, slot, digest)
    elif not found.running:
        engine.call("start", found.name)
    service.wait_ready(settings, slot)


def choose_earlier(settings: Settings, wanted: str) -> str:
    """Find the version to go back to in this host's history.

    Args:
        settings: Of this host.
        wanted: A digest, its beginning, or nothing for the version before.

    Returns:
        A digest that was kept here, and whose image is here still.
    """
    now = serving(settings)
    earlier = [one for one in history.kept(history.read(settings)) if not now or one != now.digest]
    bare = wanted.rpartition("@")[2]
    if now and bare and now.digest.startswith(bare):
        return now.digest
    found = [one for one in earlier if one.startswith(bare)]
    if not found:
        known = ", ".join(one[:19] for one in earlier) or "nothing else"
        raise usage(
            f"version {wanted or 'before'}: is not in this host's history ({known}). Name one of these"
        )
    if not images.has(settings, found[0]):
        raise outside(f"version {found[0]}: its image is no longer on this host. Deploy it instead")
    return found[0]


def retire(settings: Settings, run: str) -> dict[str, Any]:
    """Stop serving: both slots empty, the gateway answers 503; history and images stay."""
    found = [slot for slot in settings.slots if engine.container(settings, slot)]
    for slot in found:
        engine.stop(settings, slot)
        engine.remove(settings, slot)
    if found:
        history.add(settings, "retired", digest=None, run=run)
    return {"changed": bool(found)}


def require_slots(settings: Settings) -> None:
    """Check that the settings name the gateway's two slots."""
    if set(settings.slots) != {gateway.FIRST, gateway.SECOND}:
        raise usage("slots: must be a and b. Correct model_service_slots")
