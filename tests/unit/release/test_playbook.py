"""A playbook's end is told in one line a host, and by our exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scanops.errors import ConfigError, OutsideError, ScanopsError, VerdictError
from scanops.release import hosts_table, playbook

ROOT = Path(__file__).parents[3]


def make_record(**faults: str) -> dict[str, Any]:
    """Give a record of two hosts, with a fault of a kind where one is named."""
    status = {"digest": "sha256:" + "1" * 64, "bundle": "b" * 64, "since": "2026-01-01", "health": "ready"}
    hosts = {
        host: {
            "kind": "onprem",
            "fault": {"step": "swap", "kind": faults[host], "text": f"it is {faults[host]}"}
            if host in faults
            else None,
            "put_back": None,
            "back_at": 0.0,
            "status": dict(status),
        }
        for host in ("rack_1", "rack_2")
    }
    return {"environment": "example", "stopped": bool(faults), "detected_at": 0.0, "hosts": hosts}


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ({"rack_1": "verdict"}, VerdictError),
        ({"rack_1": "outside", "rack_2": "verdict"}, VerdictError),
        ({"rack_1": "outside"}, OutsideError),
        ({"rack_2": "usage"}, ConfigError),
    ],
)
def test_the_gravest_fault_gives_the_code(
    faults: dict[str, str], error: type[ScanopsError], capsys: pytest.CaptureFixture[str]
) -> None:
    """A version that failed outweighs a host that was away; every host with a fault has its line."""
    with pytest.raises(error):
        playbook.raise_faults(make_record(**faults))
    said = capsys.readouterr().err
    assert said.count("error: ") == len(faults)
    for host, kind in faults.items():
        assert f"error: {host}: swap: it is {kind}" in said


def test_no_fault_is_no_error() -> None:
    """A rollout that ended well raises nothing."""
    playbook.raise_faults(make_record())


def test_an_unknown_environment_names_the_known_ones() -> None:
    """Nothing starts for an environment that is not there."""
    with pytest.raises(ConfigError, match="example"):
        playbook.require_environment(ROOT, "exampel")


def test_drift_is_shown() -> None:
    """A host that runs another digest than the ledger's is named, with the remedy."""
    record = make_record()
    lines = hosts_table.table(record, "sha256:" + "1" * 64)
    assert len(lines) == 3
    assert not any("drift" in line for line in lines)
    record["hosts"]["rack_2"]["status"]["digest"] = None
    lines = hosts_table.table(record, "sha256:" + "1" * 64)
    assert lines[-1].startswith("drift: rack_2 should run sha256:111111111111")
    assert "`make deploy` corrects it" in lines[-1]
