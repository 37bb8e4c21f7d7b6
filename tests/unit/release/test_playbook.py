"""A playbook's end is told in one line a host, and by our exit codes."""

from __future__ import annotations

import json
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


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ({"arguments": True}, ConfigError),
        ({"unreachable": True}, OutsideError),
        ({"code": 4}, OutsideError),
        ({"code": 2}, ConfigError),
    ],
)
def test_a_run_that_was_refused_says_why_for_each_host(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: dict[str, Any],
    error: type[ScanopsError],
) -> None:
    """The first failure of each host is told on one line; whose fault it is gives the code."""
    (tmp_path / "ansible/inventories/example").mkdir(parents=True)
    program = tmp_path / "build/deploy/bin/ansible-playbook"
    program.parent.mkdir(parents=True)
    base = {"task": "variables", "unreachable": False, "arguments": False, "code": None, **line}
    told = [{"host": host, "text": text, **base} for host in ("rack-2", "rack-1") for text in ("one", "two")]
    (tmp_path / "told").write_text("".join(json.dumps(one) + "\n" for one in told))
    program.write_text(f'#!/bin/sh\ncat {tmp_path}/told >> "$SCANOPS_FAILURES"\nexit 2\n')
    program.chmod(0o755)
    monkeypatch.delenv("SCANOPS_PROMOTED_COMMAND", raising=False)
    with pytest.raises(error):
        playbook.run(tmp_path, "deploy", "example", [])
    assert capsys.readouterr().err.splitlines() == [
        "error: rack-1: variables: one",
        "error: rack-2: variables: one",
    ]


def test_an_environment_that_is_no_stage_follows_production() -> None:
    """An environment of the name of a stage follows that, every other one production."""
    assert playbook.promoted_command({}, "staging")[-1] == "staging"
    assert playbook.promoted_command({}, "example")[-1] == "production"
