"""Everything together: hosts, registry, EC2, images, and a control node that runs make's commands on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanops.release import base_image, engine_setup
from tests.deploy import load, machines, parts
from tests.deploy.load import Load
from tests.deploy.parts import ROOT, Version

FAULTS = {
    "one": "none",
    "two": "none",
    "never": "never_ready",
    "wrong": "wrong",
    "errors": "errors",
    "slow": "slow",
}
WATCH_S = 8
# Short, so that the scenarios are; everything else is the roles' own default.
QUICK = {
    "model_service_watch_s": WATCH_S,
    "model_service_ready_timeout_s": 12,
    "model_service_rehearsal_requests": 60,
    "model_service_min_free_mb": 200,
    # One batch after the canary: each costs half a minute on two busy cores.
    "model_service_batches": ["100%"],
    # The fake takes 20 ms, its slow version 60; the machine's other work may cost some as well.
    "model_service_latency_slack_ms": 25,
    # A container has its machine's clock, and nothing to update itself from.
    "container_host_time_sync": False,
    "container_host_security_updates": False,
}


@dataclass
class Site:
    """Four hosts and what deploys to them.

    Attributes:
        folder: Where everything lies.
        env: The control node's environment.
        authority: Of the gateways' certificate.
        versions: By name; each but `one` and `two` has the fault of its name.
    """

    folder: Path
    env: dict[str, str]
    authority: Path
    versions: dict[str, Version]

    def command(self, playbook: str, version: str = "", *more: str, **variables: Any) -> list[str]:
        """Give a command line of `pipelines.hosts`, as make's targets have it."""
        command = [sys.executable, "-m", "pipelines.hosts", playbook, "--environment", "example"]
        values = {**QUICK, **variables}
        if version:
            chosen = self.versions[version]
            command += ["--digest", chosen.digest]
            if playbook == "deploy":
                command += ["--archive", str(chosen.archive)]
                values = {"model_service_golden": str(chosen.golden), **values}
        return [*command, "--", "-e", json.dumps(values), *more]

    def run(self, playbook: str, version: str = "", *more: str, **variables: Any) -> Ended:
        """Run a playbook to its end."""
        began = time.monotonic()
        done = subprocess.run(
            self.command(playbook, version, *more, **variables),
            check=False,
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=900,
        )
        seconds = time.monotonic() - began
        with (self.folder / "playbooks.log").open("a", encoding="utf-8") as log:
            log.write(f"\n===== {playbook} {version} {variables}: {done.returncode}, {seconds:.0f} s\n")
            log.write(done.stdout + done.stderr)
        return Ended(done.returncode, done.stdout, done.stderr, seconds, _record(playbook))

    def promote(self, *names: str) -> None:
        """Let the ledger name these versions and no others."""
        lines = [f"scanops@{self.versions[name].digest}" for name in names]
        (self.folder / "promoted").write_text("\n".join(lines) + "\n")

    def digests(self) -> dict[str, str | None]:
        """Say which version each host serves, by its name here."""
        names = {version.digest: name for name, version in self.versions.items()}
        return {host: names.get(str(self.status(host)["digest"])) for host in machines.HOSTS}

    @property
    def addresses(self) -> dict[str, str]:
        """The gateways, by host."""
        return {host: address for host, (_, address) in machines.HOSTS.items()}

    def load(self, version: str, rate_hz: float) -> AbstractContextManager[Load]:
        """Send requests to every gateway for the length of a block."""
        return load.load(self.addresses, self.authority, self.versions[version].golden, rate_hz)

    def status(self, host: str) -> dict[str, Any]:
        """Ask a host, past SSH."""
        return dict(json.loads(machines.inside(host, "scanops-host", "status")))


@dataclass(frozen=True)
class Ended:
    """How a playbook ended.

    Attributes:
        code: Exit code.
        out: What it printed.
        err: What it said of faults.
        seconds: How long it took.
        record: What it wrote down.
    """

    code: int
    out: str
    err: str
    seconds: float
    record: dict[str, Any]

    @property
    def rollback_s(self) -> float | None:
        """From the fault's detection until the last host was back, where any had to go back."""
        back = [entry["back_at"] for entry in self.record["hosts"].values() if entry["put_back"]]
        told = [(entry["fault"] or {}).get("put_back_s") for entry in self.record["hosts"].values()]
        alone = [float(seconds) for seconds in told if seconds not in (None, "")]
        return max(back) - float(self.record["detected_at"]) if back else max(alone, default=None)


def _record(playbook: str) -> dict[str, Any]:
    path = ROOT / f"build/deploy/example/{'status' if playbook == 'status' else 'last'}.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Bring everything up for the length of a block."""
    engine = engine_setup.find()
    base = base_image.ensure(engine, "python:3.11-slim-bookworm").reference
    with ExitStack() as stack:
        machines.make_image(folder)
        names = [address for _, address in machines.HOSTS.values()] + ["10.213.2.1", *machines.HOSTS]
        authority, certificate, key = parts.make_certificate(folder, names)
        ssh_config = stack.enter_context(machines.machines(folder))
        stack.enter_context(parts.registry(folder, machines.REGISTRY, certificate, key))
        repository = f"{machines.REGISTRY}/scanops"
        versions = {
            name: parts.build(folder, base, name, fault, repository, authority)
            for name, fault in FAULTS.items()
        }
        instances = {name: machines.HOSTS[name][1] for name in machines.CLOUD_NAMES}
        aws = stack.enter_context(parts.ec2(folder, instances))
        env = {
            **os.environ,
            **aws,
            "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
            "SCANOPS_SSH_CONFIG": str(ssh_config),
            "SCANOPS_GATEWAY_CERTIFICATE": str(certificate),
            "SCANOPS_GATEWAY_KEY": str(key),
            "SCANOPS_REGISTRY": f"{machines.REGISTRY}/scanops",
            "SCANOPS_PROMOTED_COMMAND": f"cat {folder}/promoted",
            "ANSIBLE_NOCOLOR": "1",
        }
        QUICK["container_host_registry_authorities"] = {machines.REGISTRY: authority.read_text()}
        here = Site(folder, env, authority, versions)
        here.promote(*FAULTS)
        yield here
