"""The roles call the host's own command past Ansible's modules, and hear what it says; no host is reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.contract.imports import ROOT
from tests.playbook_runs import DIGEST, heard, local, run, stand_in

CALLS = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        model_service_rollout_stop: false
        model_service_rollout_detected_at: 0.0
        model_service_rollout_run: ours:1:1
        model_service_plan: {digest: "{{ model_service_digest }}", documents: {}}
- hosts: model_service
  gather_facts: false
  vars: {model_service_rollout_reason: deploy, model_service_rollout_digest: "{{ model_service_digest }}"}
  tasks:
    - ansible.builtin.include_role: {name: model_service, tasks_from: "{{ item }}"}
      loop: [look, choose, lock, send, rollout, put_back, retire, unlock]
"""


def test_a_call_of_the_host_s_command_needs_no_python_there(tmp_path: Path) -> None:
    """No task that only calls scanops-host sends a program along; its arguments arrive as they are."""
    (tmp_path / "play.yml").write_text(CALLS)
    by = f'o\'brien "ada"; touch {tmp_path}/trap $(touch {tmp_path}/trap) \\\\ *'
    answer: dict[str, Any] = {"ok": True, "switched": True, "lock": None, "missing": [], "digest": DIGEST}
    given = {
        "model_service_digest": DIGEST,
        "model_service_by": by,
        "model_service_host_program": stand_in(tmp_path, answer),
    }
    here = {**local("here")["here"], "ansible_python_interpreter": "/nowhere/python"}
    code, said = run(
        tmp_path / "play.yml",
        {"model_service": {"hosts": {"here": here}}},
        tmp_path,
        "-e",
        json.dumps(given),
    )
    assert code == 0, said
    asked = heard(tmp_path)
    calls = "status choose lock missing load swap watch keep put-back retire unlock"
    assert [call[0] for call in asked] == calls.split(), said
    assert asked[2] == ["lock", "--run", "ours:1:1", "--by", by, "--dead", ""]
    assert [json.loads(call[2]) for call in asked[3:5]] == [
        {"digest": DIGEST},
        {"digest": DIGEST, "documents": {}},
    ]
    assert json.loads(asked[7][-1])["by"] == by
    assert not (tmp_path / "trap").exists()


ROLLOUT = """
- hosts: model_service
  gather_facts: false
  vars:
    model_service_rollout_reason: deploy
    model_service_rollout_digest: "{{ model_service_digest }}"
    model_service_rollout_run: ours:1:1
  tasks:
    - ansible.builtin.set_fact:
        model_service_rollout_stop: false
        model_service_rollout_detected_at: 0.0
        model_service_rollout_run: ours:1:1
      delegate_to: localhost
      delegate_facts: true
    - ansible.builtin.include_role: {name: model_service, tasks_from: rollout}
    - ansible.builtin.debug:
        msg: "stopped: {{ hostvars.localhost.model_service_rollout_stop }}"
"""


def test_a_host_that_cannot_keep_the_version_stops_the_rollout(tmp_path: Path) -> None:
    """The last step of a batch counts as the others do: what follows is not deployed, and it is put back."""
    (tmp_path / "play.yml").write_text(ROLLOUT)
    done, lost = {"ok": True, "switched": True}, {"ok": False, "kind": "outside", "fault": "disk: is full"}
    for answer, stopped in ((done, False), (lost, True)):
        given = json.dumps(
            {
                "model_service_digest": DIGEST,
                "model_service_host_program": stand_in(tmp_path, done, keep=answer),
            }
        )
        inventory = {"model_service": {"hosts": local("here")}}
        code, said = run(tmp_path / "play.yml", inventory, tmp_path, "-e", given)
        assert code == 0, said
        assert f"stopped: {stopped}" in said


def test_a_greeting_is_no_answer(tmp_path: Path) -> None:
    """Where the command is killed, what the shell said before it is not taken for its answer."""
    program, shell = tmp_path / "scanops-host", tmp_path / "shell"
    program.write_text("#!/bin/sh\necho killed >&2\nexit 137\n")
    shell.write_text('#!/bin/sh\necho Welcome to this host\nexec /bin/sh "$@"\n')
    for file in (program, shell):
        file.chmod(0o755)
    given = json.dumps({"model_service_host_program": str(program)})
    inventory = {"model_service": {"hosts": local("here")}}
    playbook = ROOT / "ansible/playbooks/status.yml"
    code, said = run(playbook, inventory, tmp_path, "-e", given, ANSIBLE_EXECUTABLE=str(shell))
    assert code == 0, said
    fault = json.loads((tmp_path / "status.json").read_text())["hosts"]["here"]["fault"]
    assert "killed" in fault["text"]


def test_a_host_without_the_command_is_told_the_remedy(tmp_path: Path) -> None:
    """A host that was never made ready is named with what makes it ready."""
    given = json.dumps({"model_service_host_program": str(tmp_path / "none/scanops-host")})
    inventory = {"model_service": {"hosts": local("here")}}
    code, said = run(ROOT / "ansible/playbooks/status.yml", inventory, tmp_path, "-e", given)
    fault = json.loads((tmp_path / "status.json").read_text())["hosts"]["here"]["fault"]
    assert code == 0, said
    assert fault["text"] == "scanops-host: is not on this host. Run the playbook bootstrap"
