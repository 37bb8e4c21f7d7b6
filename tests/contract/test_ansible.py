"""The parts of ansible/ agree with each other and with what they are named after."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scanops.release import hardening, host_agent
from tests.conftest import require_part

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / "ansible"
ROLES = sorted(path.name for path in (ANSIBLE / "roles").iterdir())
BIN = ROOT / "build/deploy/bin"
EXAMPLE = ANSIBLE / "inventories/example"


def read(path: Path) -> Any:
    """Read YAML."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture
def ansible() -> Path:
    """Give the folder of Ansible's programs."""
    require_part((BIN / "ansible-playbook").exists(), "no build/deploy; `make deploy-tools` makes it")
    return BIN


def run(program: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run one of Ansible's programs with the project's settings."""
    return subprocess.run(
        [str(program), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", **env},
    )


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_specified_and_prefixed(role: str) -> None:
    """A role's interface is its argument specs: each default is there with a type and a description."""
    defaults = read(ANSIBLE / f"roles/{role}/defaults/main.yml")
    options = read(ANSIBLE / f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert set(defaults) <= set(options)
    assert all(name.startswith(f"{role}_") for name in options)
    assert all(option.get("description") and option.get("type") for option in options.values())
    assert all(options[name].get("required") for name in set(options) - set(defaults))


def test_the_host_s_settings_are_the_role_s() -> None:
    """The template writes each setting that scanops-host reads, and no other."""
    written = set(
        re.findall(r"^  '(\w+)':", (ANSIBLE / "roles/model_service/templates/host.json.j2").read_text(), re.M)
    )
    source = (ROOT / host_agent.SOURCES / "settings.py").read_text()
    known = set(re.findall(r"^    (\w+): [a-z]", source.split('"""')[-3] + source.split('"""')[4], re.M))
    assert written
    assert written == known


def test_hosts_run_it_as_the_smoke_test_did() -> None:
    """The options that a host starts the container with hold all that the smoke test passed with."""
    source = (ROOT / host_agent.SOURCES / "engine.py").read_text()
    for option in hardening.OPTIONS:
        assert f'"{option}"' in source
    assert (
        f"model_service_container_port: {hardening.PORT}"
        in (ANSIBLE / "roles/model_service/defaults/main.yml").read_text()
    )


def test_the_host_s_command_is_the_same_file_for_the_same_sources(tmp_path: Path) -> None:
    """A second deployment has nothing to copy; and the file runs on a bare Python."""
    for name in ("first", "second"):
        host_agent.pack(ROOT, tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert len(zipfile.ZipFile(tmp_path / "first").namelist()) > 5
    done = subprocess.run(
        ["python3", "-I", str(tmp_path / "first"), "--settings", str(tmp_path / "none.json"), "status"],
        check=False,
        capture_output=True,
        text=True,
    )
    answer = json.loads(done.stdout)
    assert done.returncode == 2
    assert answer["ok"] is False
    assert "Run the playbook bootstrap" in answer["fault"]


def tasks_of(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give each task of a list, and those of its blocks."""
    for task in tasks:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part, []))


def test_only_files_take_a_program_to_a_host() -> None:
    """Ansible sends 181 kB for each module that runs on a host: none does to call scanops-host."""
    control = {"begin", "command", "control", "record"}  # what the control node does for itself
    sends_nothing = {"include_tasks", "set_fact", "raw"}
    sent = []
    for path in sorted((ANSIBLE / "roles/model_service/tasks").glob("*.yml")):
        for task in tasks_of(read(path)):
            (name,) = [name for name in task if name.startswith("ansible.")] or ["block"]
            module = name.rpartition(".")[2]
            if module == "raw":
                assert task[name] == "{{ model_service_host_call }}", task
                assert "model_service_arguments" in task["vars"], task
            on_a_host = path.stem not in control and task.get("delegate_to") != "localhost"
            if on_a_host and module not in sends_nothing | {"block"}:
                sent.append((path.stem, module))
    # For the command itself, when it is another; for a version, its golden images and its layers.
    assert sent == [
        ("install", "file"),
        ("install", "template"),
        ("install", "copy"),
        ("send", "copy"),
        ("stage", "copy"),
    ]


def test_what_hosts_say_is_read_past_no_terminal() -> None:
    """A terminal would mix what went wrong into the answer."""
    assert "usetty = false" in (ANSIBLE / "ansible.cfg").read_text()


def test_host_keys_are_checked() -> None:
    """Neither the settings nor an inventory switches the check of host keys off."""
    for path in [ANSIBLE / "ansible.cfg", *EXAMPLE.rglob("*")]:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"StrictHostKeyChecking\s*[= ]\s*(no|off|accept-new)", text, re.I)
            assert not re.search(r"host_key_checking\s*[=:]\s*(false|no|off)", text, re.I)
    assert "host_key_checking = true" in (ANSIBLE / "ansible.cfg").read_text()
    assert "StrictHostKeyChecking yes" in (EXAMPLE / "ssh_config").read_text()


def test_collections_are_those_of_the_lock(ansible: Path) -> None:
    """A control node that has ansible-core alone gets the versions that are tested here."""
    collections = next((ROOT / "build/deploy/lib").glob("python3*")) / "site-packages/ansible_collections"
    for wanted in read(ANSIBLE / "requirements.yml")["collections"]:
        manifest = collections / wanted["name"].replace(".", "/") / "MANIFEST.json"
        assert json.loads(manifest.read_text())["collection_info"]["version"] == wanted["version"]


@pytest.mark.parametrize("name", ["bootstrap", "deploy", "rollback", "status", "retire"])
def test_playbooks_parse(ansible: Path, name: str) -> None:
    """Each playbook, and each role that it names, is read without a fault."""
    done = run(
        ansible / "ansible-playbook",
        "--syntax-check",
        "-i",
        "localhost,",
        str(ANSIBLE / f"playbooks/{name}.yml"),
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "plugin", ["amazon.aws.aws_ec2", "azure.azcollection.azure_rm", "google.cloud.gcp_compute"]
)
def test_inventories_name_options_that_plugins_know(ansible: Path, plugin: str) -> None:
    """A cloud's file holds no option that its plugin would pass over."""
    (path,) = [path for path in EXAMPLE.glob("cloud.*") if read(path)["plugin"] == plugin]
    done = run(ansible / "ansible-doc", "-t", "inventory", "-j", plugin)
    known = json.loads(done.stdout)[plugin]["doc"]["options"]
    aliases = {alias for option in known.values() for alias in option.get("aliases", [])}
    # `plugin` itself is an option in the documentation of some.
    assert set(read(path)) <= set(known) | aliases | {"plugin"}


def test_an_inventory_that_half_fails_fails(ansible: Path) -> None:
    """Where a cloud does not answer, nothing is deployed to the other half of the hosts."""
    nowhere = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    done = run(ansible / "ansible-inventory", "-i", str(EXAMPLE), "--graph", **nowhere, AWS_MAX_ATTEMPTS="1")
    assert done.returncode != 0
    assert "cloud.aws_ec2.yml" in done.stderr


def test_a_failure_is_one_line_for_programs(ansible: Path, tmp_path: Path) -> None:
    """Bad arguments, a command's own words, an item of a loop: each is noted once, short, and by its host."""
    spec = {"argument_spec": {"count": {"type": "int"}}, "provided_arguments": {"count": "many"}}
    tasks = [
        {"name": "Arguments", "ansible.builtin.validate_argument_spec": spec, "ignore_errors": True},
        {
            "name": "Items",
            "ansible.builtin.command": {"argv": ["sh", "-c", "echo error: '{{ item }}' is bad >&2; exit 4"]},
            "loop": ["this"],
        },
    ]
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play))
    failures = tmp_path / "failures"
    done = run(
        ansible / "ansible-playbook",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-e",
        f"ansible_python_interpreter={sys.executable}",
        str(tmp_path / "play.yml"),
        SCANOPS_FAILURES=str(failures),
    )
    assert done.returncode == 2
    noted = [json.loads(line) for line in failures.read_text().splitlines()]
    assert [(one["host"], one["task"], one["arguments"]) for one in noted[:2]] == [
        ("localhost", "variables", True),
        ("localhost", "Items", False),
    ]
    assert noted[0]["text"].startswith("argument 'count' is of type str")
    assert "argument_spec_data" not in done.stdout + done.stderr
    assert (noted[1]["text"], noted[1]["code"]) == ("this is bad", 4)
