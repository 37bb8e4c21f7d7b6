"""What this host runs and has: for the table of `make status`, and so that nothing is sent that is here."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from scanops_host import engine, gateway, history, images, rollout, service
from scanops_host.settings import Settings


def status(settings: Settings, place: Path) -> dict[str, Any]:
    """Describe this host; changes nothing.

    Args:
        settings: Of this host.
        place: The file that they were read from.

    Returns:
        What it runs, how that is, its history, and what it `has`.
    """
    events, active, now = history.read(settings), gateway.active(settings), rollout.serving(settings)
    ready = now is not None and service.is_ready(settings.slots[active])
    through = ready and service.is_ready(settings.local_port)
    last = history.last(events, "kept", "put_back", "switched")
    health = (
        "ready" if through else "gateway does not answer" if ready else "not ready" if now else "nothing runs"
    )
    if through and last and last["event"] == "switched":
        health = "ready, not yet verified"
    return {
        "digest": now.digest if now else None,
        "bundle": now.bundle_sha256 if now else None,
        "since": now.started_at[:19] + "Z" if now else None,
        "health": health,
        "slot": active,
        "lock": history.holder(settings),
        "unpromoted": bool(last and last.get("unpromoted")),
        "history": events[-20:],
        "kept": history.kept(events),
        "free_mb": round(engine.free_bytes() / 1e6),
        "has": _has(settings, place),
    }


def _has(settings: Settings, place: Path) -> dict[str, Any]:
    golden = {
        path.stem.replace("-", ":", 1): _sha256(path) for path in (settings.state / "golden").glob("*.json")
    }
    return {
        "command": _sha256(Path(sys.argv[0])),
        "settings": _sha256(place),
        "golden": golden,
        "images": images.here(settings),
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
