"""What the roles do on the control node, seen by running them there; no host is reached."""

from __future__ import annotations

import json
import time
import typing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from scanops_host import settings

from tests.contract.imports import ROOT
from tests.playbook_runs import DIGEST, heard, local, run, stand_in

# Given as people give them: `-e key=value`, which Ansible hands on as text.
AS_TEXT = {
    "model_service_max_unavailable": "1",
    "model_service_allow_unpromoted": "false",
    "model_service_break_lock": "false",
    "model_service_min_free_mb": "1000",
    "model_service_pids": "300",
    "model_service_keep_versions": "2",
    "model_service_container_port": "8081",
    "model_service_local_port": "18081",
    "model_service_rehearsal_requests": "50",
    "model_service_stop_timeout_s": "20",
    "model_service_watch_s": "7.5",
    "model_service_probe_rate_hz": "2",
    "model_service_ready_timeout_s": "30",
    "model_service_max_error_rate": "0.02",
    "model_service_max_p95_ratio": "3",
    "model_service_latency_slack_ms": "20",
    "model_service_tolerance": "0.001",
    "model_service_lock_lease_s": "60",
    "model_service_drain_s": "1",
}


TYPED = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        model_service_rollout_stop: false
        model_service_rollout_detected_at: 0.0
        model_service_rollout_run: ours:1:1
    - block:
        - ansible.builtin.include_role: {name: model_service, tasks_from: control}
      rescue:
        - ansible.builtin.set_fact: {refused: "{{ ansible_failed_result.msg }}"}
- hosts: model_service
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        model_service_rollout_fault: {unreachable: true, at: 1.0}
      when: inventory_hostname == 'away'
    - ansible.builtin.include_role: {name: model_service, tasks_from: decide, public: true}
    - ansible.builtin.include_role: {name: model_service, tasks_from: lock}
      vars: {model_service_status: {lock: {run: "elsewhere:1:1"}}}
      when: inventory_hostname == 'here'
    - ansible.builtin.template:
        src: "{{ root }}/ansible/roles/model_service/templates/host.json.j2"
        dest: "{{ root_out }}/host.json"
        mode: "0600"
      when: inventory_hostname == 'here'
    - ansible.builtin.copy:
        content: "{{ {'stop': hostvars.localhost.model_service_rollout_stop,
                      'refused': hostvars.localhost.refused | default('')} | to_json }}"
        dest: "{{ root_out }}/said.json"
        mode: "0600"
      when: inventory_hostname == 'here'
"""


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the roles with every scalar given as text; a stand-in for scanops-host notes what it is asked."""
    folder = tmp_path_factory.mktemp("typed")
    (folder / "play.yml").write_text(TYPED)
    (folder / "golden.json").write_text(json.dumps({"bundle_sha256": "b" * 64, "cases": []}))
    paths = {"root": str(ROOT), "root_out": str(folder), "model_service_golden": str(folder / "golden.json")}
    others = {
        "model_service_digest": DIGEST,
        "model_service_promoted_command": ["true"],
        "model_service_host_program": stand_in(folder, {"ok": True}),
        **paths,
    }
    more = ["-e", json.dumps({**others, "model_service_project": str(ROOT)})]
    for name, value in AS_TEXT.items():
        more += ["-e", f"{name}={value}"]
    hosts = {**local("here"), **local("away")}
    code, said = run(
        folder / "play.yml",
        {"model_service": {"hosts": hosts}, "canary": {"hosts": {"here": {}}}},
        folder,
        *more,
    )
    assert code == 0, said
    return folder


def test_a_host_s_settings_have_their_types(typed: Path) -> None:
    """`-e model_service_pids=300` writes a number: no text is multiplied or compared on a host."""
    read = settings.read(typed / "host.json")
    types = typing.get_type_hints(settings.Settings)
    for field in fields(read):
        value, wanted = getattr(read, field.name), types[field.name]
        assert isinstance(value, typing.get_origin(wanted) or wanted), field.name
    assert (read.min_free_bytes, read.watch_s, read.pids) == (1_000_000_000, 7.5, 300)


def test_hosts_that_may_be_away_are_counted(typed: Path) -> None:
    """`-e model_service_max_unavailable=1` lets one host of two be away."""
    assert json.loads((typed / "said.json").read_text())["stop"] is False


def test_false_does_not_allow_an_unpromoted_digest(typed: Path) -> None:
    """`-e model_service_allow_unpromoted=false` is no permission."""
    assert "is not promoted" in json.loads((typed / "said.json").read_text())["refused"]


def test_false_breaks_no_lock(typed: Path) -> None:
    """`-e model_service_break_lock=false` asks whether the other run is over, and declares nobody dead."""
    (asked,) = heard(typed)
    assert asked[asked.index("--dead") + 1] == ""


@pytest.fixture(scope="module")
def status(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, dict[str, Any], float]:
    """Run the playbook status east of Greenwich, where nobody may become root; give its record and times."""
    folder = tmp_path_factory.mktemp("status")
    # As the example's group_vars/all has it: hosts need root. The control node has no sudo.
    root = {"ansible_become": True, "ansible_become_user": "nobody", "ansible_become_exe": "/nowhere/sudo"}
    silent = {
        "silent": {"ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_ssh_common_args": "-F none"}
    }
    inventory = {"all": {"vars": root, "children": {"model_service": {"hosts": silent}}}}
    began = time.time()
    code, said = run(ROOT / "ansible/playbooks/status.yml", inventory, folder, TZ="Etc/GMT-2")
    assert code in {0, 4}, said
    assert (folder / "status.json").exists(), said
    return began, json.loads((folder / "status.json").read_text()), time.time()


def test_the_control_node_s_own_work_needs_no_root(status: tuple[float, dict[str, Any], float]) -> None:
    """Who deploys may not become root at the desk: the record is written all the same, as its owner."""
    assert status[1]["hosts"]["silent"]["fault"]["kind"] == "outside"


def test_times_are_those_of_the_clock(status: tuple[float, dict[str, Any], float]) -> None:
    """East of Greenwich, too, a record's times are seconds since 1970."""
    began, record, ended = status
    fault = float(record["hosts"]["silent"]["fault"]["at"])
    assert began - 1 <= record["began_at"] <= fault <= record["ended_at"] <= ended + 1


CONTROL = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: model_service, tasks_from: control}
"""


@pytest.mark.parametrize(("bundle", "fits"), [("b" * 64, True), ("c" * 64, False)])
def test_golden_images_of_another_model_reach_no_host(tmp_path: Path, bundle: str, fits: bool) -> None:
    """The ledger says which model a digest holds: the golden images have to be of that one."""
    (tmp_path / "play.yml").write_text(CONTROL)
    (tmp_path / "golden.json").write_text(json.dumps({"bundle_sha256": bundle, "cases": []}))
    promoted = f"scanops@{'sha256:' + '1' * 64} {'c' * 64}\nscanops@{DIGEST} {'b' * 64}"
    given = {
        "model_service_digest": DIGEST,
        "model_service_promoted_command": ["printf", promoted],
        "model_service_golden": str(tmp_path / "golden.json"),
        "model_service_project": str(ROOT),
    }
    hosts = {"here": {**local("here")["here"], "model_service_repository": "r.example.org/scanops"}}
    inventory = {"model_service": {"hosts": hosts}, "canary": {"hosts": {"here": {}}}}
    code, said = run(tmp_path / "play.yml", inventory, tmp_path, "-e", json.dumps(given))
    assert (code == 0) is fits, said
    assert ("are of bundle cccccccccccc, the digest is of" in " ".join(said.split())) is not fits


def test_nobody_retires_every_host_by_leaving_something_out(tmp_path: Path) -> None:
    """Without a limit the playbook retire asks nothing of any host."""
    inventory = {"model_service": {"hosts": local("here")}}
    code, said = run(ROOT / "ansible/playbooks/retire.yml", inventory, tmp_path)
    assert code == 2
    assert "no host is named" in said
    assert "Look" not in said
