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


def make_project(folder: Path, program: str) -> Path:
    """Give a project whose ansible-playbook is a script of a test, and whose one environment is `ward`."""
    for name in ("build/deploy/bin", "build/deploy/ward", "ansible/inventories/ward"):
        (folder / name).mkdir(parents=True)
    stand_in = folder / "build/deploy/bin/ansible-playbook"
    stand_in.write_text(f"#!/bin/sh\n{program}\n")
    stand_in.chmod(0o755)
    return folder


def test_an_earlier_run_s_record_is_not_this_one_s(tmp_path: Path) -> None:
    """A playbook that never came to write anything down is an error, whatever lies there from before."""
    project = make_project(tmp_path, "exit 0")
    old = project / "build/deploy/ward/last.json"
    old.write_text('{"ended_at": 99999999999, "stopped": false, "hosts": {}}')
    with pytest.raises(ConfigError, match="recorded nothing"):
        playbook.run(project, "deploy", "ward", [])
    assert playbook.run(project, "bootstrap", "ward", []) == {}


def test_the_record_counts_whatever_the_clock_says(tmp_path: Path) -> None:
    """A record that seems older than the run that wrote it is read all the same."""
    written = tmp_path / "build/deploy/ward/last.json"
    project = make_project(tmp_path, f'echo \'{{"ended_at": 1, "stopped": true}}\' > {written}; exit 2')
    assert playbook.run(project, "deploy", "ward", [])["stopped"] is True


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("sh -c 'exit 4'", OutsideError),
        ("sh -c 'exit 3'", VerdictError),
        ("sh -c 'exit 2'", ConfigError),
        ("sh -c 'exit 1'", OutsideError),
        ("true", ConfigError),
    ],
)
def test_a_ledger_that_does_not_tell_keeps_its_exit_code(
    command: str,
    error: type[ScanopsError],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Unreachable is not the same as empty; `make status` says which, and goes on."""
    project = make_project(tmp_path, "exit 0")
    monkeypatch.setenv("SCANOPS_PROMOTED_COMMAND", command)
    with pytest.raises(error):
        playbook.promoted_if_known("ward", project, needed=True)
    assert playbook.promoted_if_known("ward", project, needed=False) is None
    assert capsys.readouterr().err.startswith("ledger: names no digest for ward, which follows production")


def test_a_host_that_dropped_out_at_the_end_is_in_the_table() -> None:
    """Its last word was no health: the row says what it said, or that it said nothing."""
    record = make_record()
    record["hosts"]["rack_1"]["status"] = {}
    record["hosts"]["rack_2"]["status"] = {"ok": False, "fault": "docker: is not installed"}
    lines = hosts_table.table(record, None)
    assert lines[1].endswith("did not answer")
    assert lines[2].endswith("docker: is not installed")
