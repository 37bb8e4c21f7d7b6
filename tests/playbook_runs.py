"""Run the roles' playbooks on this machine, with a stand-in for what they call on hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import require_part
from tests.contract.imports import ROOT

PLAYBOOK = ROOT / "build/deploy/bin/ansible-playbook"
DIGEST = "sha256:" + "7a" * 32


def run(playbook: Path, inventory: dict[str, Any], folder: Path, *more: str, **env: str) -> tuple[int, str]:
    """Run a playbook on an inventory, into a folder of its own; return exit code and output."""
    require_part(PLAYBOOK.exists(), "no build/deploy; `make deploy-tools` makes it")
    hosts = folder / "hosts.yml"
    hosts.write_text(yaml.safe_dump(inventory))
    given = {"model_service_build_folder": str(folder), "model_service_python": sys.executable}
    done = subprocess.run(
        [str(PLAYBOOK), "-i", str(hosts), str(playbook), "-e", json.dumps(given), *more],
        check=False,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible/ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            **env,
        },
    )
    return done.returncode, done.stdout + done.stderr


def local(name: str) -> dict[str, Any]:
    """Describe a host that is this machine."""
    return {name: {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}


def stand_in(folder: Path, answer: dict[str, Any], **others: dict[str, Any]) -> str:
    """Write a stand-in for scanops-host, which notes what it is asked, and answers some calls otherwise."""
    program = folder / "scanops-host"
    answers = {name: json.dumps(one) for name, one in others.items()}
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"with open({str(folder / 'asked')!r}, 'a') as file: print(json.dumps(sys.argv[1:]), file=file)\n"
        "print('Welcome to this host')\n"  # as a shell's start-up files may
        f"print({answers!r}.get(sys.argv[1], {json.dumps(answer)!r}))\n"
    )
    program.chmod(0o755)
    return str(program)


def heard(folder: Path) -> list[list[str]]:
    """Give the arguments of each call of the stand-in, in their order."""
    return [json.loads(line) for line in (folder / "asked").read_text().splitlines()]
