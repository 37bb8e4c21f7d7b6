"""Run a playbook on an environment, and tell its end in our words and exit codes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scanops.errors import ConfigError, OutsideError, ScanopsError, VerdictError
from scanops.release import inventory
from scanops.release.engine import last_lines

ANSIBLE = Path("build/deploy/bin")
INVENTORIES = Path("ansible/inventories")
RECORDED = {"deploy": "last", "rollback": "last", "retire": "last", "status": "status"}
KINDS: dict[str, type[ScanopsError]] = {
    "verdict": VerdictError,
    "usage": ConfigError,
    "outside": OutsideError,
}
CODES = {kind.exit_code: kind for kind in KINDS.values()}


def run(project: Path, name: str, environment: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Run a playbook to its end; its output goes to ours.

    Args:
        project: The project's folder.
        name: `bootstrap`, `deploy`, `rollback`, `status` or `retire`.
        environment: A folder of `ansible/inventories`.
        arguments: Further arguments of ansible-playbook.

    Returns:
        What the playbook recorded: `hosts`, each with `fault`, `status` and more; empty for bootstrap.

    Raises:
        ConfigError: There is no such environment, or the playbook refused what was asked.
        VerdictError: A version did not hold; what served before serves again.
        OutsideError: A host is missing, or something on it.
    """
    hosts = require_environment(project, environment)
    program = project / ANSIBLE / "ansible-playbook"
    if not program.exists():
        raise OutsideError(str(program), "is missing", "Run `make deploy-tools`")
    failures = project / f"build/deploy/{environment}/failures.jsonl"
    failures.parent.mkdir(parents=True, exist_ok=True)
    failures.write_text("", encoding="utf-8")
    env = {
        **os.environ,
        "ANSIBLE_CONFIG": str(project / "ansible/ansible.cfg"),
        "SCANOPS_FAILURES": str(failures),
    }
    playbook = str(project / f"ansible/playbooks/{name}.yml")
    command = [str(program), playbook, "-i", str(hosts), "-e", f"model_service_python={sys.executable}"]
    written = project / f"build/deploy/{environment}/{RECORDED.get(name, name)}.json"
    written.unlink(missing_ok=True)  # what is there afterwards is this run's
    done = subprocess.run([*command, *promoted_variable(os.environ), *arguments], check=False, env=env)
    record = dict(json.loads(written.read_text(encoding="utf-8"))) if written.exists() else {}
    if done.returncode:
        told = [host for host, entry in record.get("hosts", {}).items() if entry["fault"]]
        failed = _failures(failures, [*told, *(["localhost"] if record else [])])
        if not record.get("stopped") or any(one["arguments"] for one in failed):
            _refuse(name, environment, failed, bool(record))
    if name in RECORDED and not record:
        fault = f"{name} touched nothing and recorded nothing"
        raise ConfigError(
            environment, fault, "Name hosts of this environment: see --limit and --tags in MORE"
        )
    return record


def require_environment(project: Path, environment: str) -> Path:
    """Return an environment's inventory.

    Raises:
        ConfigError: There is none of that name.
    """
    known = sorted(path.name for path in (project / INVENTORIES).iterdir() if path.is_dir())
    if environment not in known:
        fault = "is not there" if environment else "is not named"
        raise ConfigError(f"environment {environment!r}", fault, f"Set ENV to one of: {', '.join(known)}")
    return project / INVENTORIES / environment


def promoted_command(environ: Mapping[str, str], stage: str) -> list[str]:
    """Return the command that prints the promoted references of a stage.

    Args:
        environ: SCANOPS_PROMOTED_COMMAND takes the place of the ledger.
        stage: As `inventory.stage` tells it.
    """
    if own := environ.get("SCANOPS_PROMOTED_COMMAND"):
        return shlex.split(own)
    return [sys.executable, "-m", "pipelines.current", "--environment", stage]


def promoted_variable(environ: Mapping[str, str]) -> list[str]:
    """Hand a command of the environment's own on to the playbook."""
    if "SCANOPS_PROMOTED_COMMAND" not in environ:
        return []
    return ["-e", json.dumps({"model_service_promoted_command": promoted_command(environ, "")})]


def promoted_digest(environment: str, project: Path) -> str:
    """Ask the ledger which digest an environment's stage holds.

    Raises:
        ConfigError: It names none.
        VerdictError: It was rewritten.
        OutsideError: It cannot be read.
    """
    stage = inventory.stage(project / INVENTORIES / environment)
    command = promoted_command(os.environ, stage)
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=project)
    references = done.stdout.split()
    if done.returncode or not references:
        fault = f"names no digest for {environment}, which follows {stage} ({last_lines(done.stderr)})"
        kind = CODES.get(done.returncode or ConfigError.exit_code, OutsideError)
        raise kind("ledger", fault, "Mend that, promote one, or give DIGEST=sha256:…")
    return references[0].rpartition("@")[2]


def promoted_if_known(environment: str, project: Path, needed: bool) -> str | None:
    """Ask the ledger, and say why where it does not tell: hosts are shown all the same, but not their drift.

    Args:
        environment: Whose digest.
        project: The project's folder.
        needed: Nothing can be done without it: raise.

    Returns:
        The digest, or None.

    Raises:
        ScanopsError: As `promoted_digest`, where it is needed.
    """
    try:
        return promoted_digest(environment, project)
    except ScanopsError as error:
        if needed:
            raise
        print(error, file=sys.stderr)
        return None


def raise_faults(record: Mapping[str, Any]) -> None:
    """End with the gravest fault of a record, after a line for each host that has one.

    Args:
        record: What `run` returned.

    Raises:
        ScanopsError: The class says whose fault it is.
    """
    faults = {host: entry["fault"] for host, entry in record["hosts"].items() if entry["fault"]}
    for host, fault in sorted(faults.items()):
        print(f"error: {host}: {fault['step']}: {fault['text'].strip()}", file=sys.stderr)
    for host, entry in sorted(record["hosts"].items()):
        if (back := entry["put_back"]) and not back.get("ok"):
            text = back.get("fault", "said nothing")
            print(f"error: {host}: put back: {text}. Look at it with scanops-host status", file=sys.stderr)
    if not record["stopped"]:
        return
    for kind in ("verdict", "usage", "outside"):
        count = sum(fault["kind"] == kind for fault in faults.values())
        if count:
            fault = f"stopped: {count} of {len(record['hosts'])} hosts, see above; {_where(record)}"
            raise KINDS[kind](record["environment"], fault, "Mend what the lines above name, then run again")
    raise OutsideError(record["environment"], "stopped without a fault", "See the playbook's output above")


def _where(record: Mapping[str, Any]) -> str:
    back = [entry for entry in record["hosts"].values() if entry["put_back"]]
    if not back:
        return "no host changed what it serves"
    seconds = max(entry["back_at"] for entry in back) - record["detected_at"]
    return f"{len(back)} put back {seconds:.0f} s after the fault was seen"


def _failures(path: Path, told: Sequence[str]) -> list[dict[str, Any]]:
    """Tell each host's first failure that no fault of its record tells; return them."""
    lines = [dict(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    first = {line["host"]: line for line in reversed(lines) if line["host"] not in told}
    for host, line in sorted(first.items()):
        print(f"error: {host}: {line['task']}: {line['text']}", file=sys.stderr)
    return list(first.values())


def _refuse(name: str, environment: str, failed: Sequence[Mapping[str, Any]], recorded: bool) -> None:
    if any(one["arguments"] for one in failed):
        raise ConfigError(
            environment, f"{name} was refused", "Correct the variables that the lines above name"
        )
    # 4 is how our own commands on the control node say the same.
    if recorded or any(one["unreachable"] or one["code"] == OutsideError.exit_code for one in failed):
        away = recorded or any(one["unreachable"] for one in failed)
        fault = f"{name} did not reach every host" if away else f"{name} was stopped"
        raise OutsideError(environment, fault, "See the lines above")
    raise ConfigError(environment, f"{name} was refused", "See the lines above")
