"""Settings of a host that lies in a temporary folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scanops_host.settings import Settings


def make_settings(folder: Path, **changes: Any) -> Settings:
    """Give settings; what is not named is as the tests of a single part need it."""
    values: dict[str, Any] = {
        "name": "scanops",
        "state_folder": str(folder),
        "slots": {"a": 1, "b": 2},
        "container_port": 8080,
        "memory": "2g",
        "pids": 256,
        "environment": {},
        "ready_timeout_s": 1.0,
        "tolerance": 1e-5,
        "rehearsal_requests": 20,
        "max_error_rate": 0.01,
        "max_p95_ratio": 2.0,
        "latency_slack_ms": 10.0,
        "watch_s": 1.0,
        "probe_rate_hz": 5.0,
        "drain_s": 0.0,
        "stop_timeout_s": 5,
        "access_log": str(folder / "access.log"),
        "local_port": 3,
        "keep_versions": 3,
        "min_free_bytes": 0,
        "lock_lease_s": 1800.0,
    }
    return Settings(**{**values, **changes})
