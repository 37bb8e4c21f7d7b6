"""Everything together: hosts, registry, EC2, images, and a control node that runs make's commands on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    # Whatever else this machine does meanwhile: the scenario of the slow version alone is about speed.
    "model_service_latency_slack_ms": 1000,
    # A container has its machine's clock, and nothing to update itself from.
    "container_host_time_sync": False,
    "container_host_security_updates": False,
}


def at(host: str, value: object, otherwise: object) -> str:
    """Give a variable that has another value on one host."""
    return "{{ " + f"{value!r} if inventory_hostname == {host!r} else {otherwise!r}" + " }}"


@dataclass
class Site:
    """Four hosts and what deploys to them.

    Attributes:
        folder: Where everything lies.
        env: The control node's environment.
        authority: Of the gateways' certificate.
        versions: By name; those of FAULTS have the fault that it says.
        build: Makes a further version of the fake, a good one.
        publish: Makes a version of an image that the engine has, given with its golden images.
    """

    folder: Path
    env: dict[str, str]
    authority: Path
    versions: dict[str, Version]
    build: Callable[..., Version]
    publish: Callable[..., Version]

    def command(
        self, playbook: str, version: str = "", *more: str, environment: str = "example", **variables: Any
    ) -> list[str]:
        """Give a command line of `pipelines.hosts`, as make's targets have it."""
        command = [sys.executable, "-m", "pipelines.hosts", playbook, "--environment", environment]
        values = {**QUICK, **variables}
        if version:
            chosen = self.versions[version]
            command += ["--digest", chosen.digest]
            if playbook == "deploy":
                command += ["--archive", str(chosen.archive)]
                values = {"model_service_golden": str(chosen.golden), **values}
        if "--limit" not in more and set(machines.HOSTS) != set(machines.ALL_HOSTS):
            more = (*more, "--limit", ",".join([*machines.HOSTS, "localhost"]))
        return [*command, "--", "-e", json.dumps(values), *more]

    def run(
        self,
        playbook: str,
        version: str = "",
        *more: str,
        env: Mapping[str, str | None] | None = None,
        **variables: Any,
    ) -> Ended:
        """Run a playbook to its end, with changes of the environment's variables where some are given."""
        changed = {**self.env, **(env or {})}
        began = time.monotonic()
        done = subprocess.run(
            self.command(playbook, version, *more, **variables),
            check=False,
            cwd=ROOT,
            env={name: value for name, value in changed.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=900,
        )
        seconds = time.monotonic() - began
        with (self.folder / "playbooks.log").open("a", encoding="utf-8") as log:
            log.write(f"\n===== {playbook} {version} {variables}: {done.returncode}, {seconds:.0f} s\n")
            log.write(done.stdout + done.stderr)
        return Ended(done.returncode, done.stdout, done.stderr, seconds, _record(playbook))

    def start(self, playbook: str, version: str) -> subprocess.Popen[str]:
        """Start a playbook in a process group of its own."""
        return subprocess.Popen(
            self.command(playbook, version),
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def finish(self, running: subprocess.Popen[str], began: float) -> Ended:
        """Wait for a playbook that was started; its faults are in `out`."""
        out = running.communicate(timeout=900)[0]
        return Ended(running.returncode, out, out, time.monotonic() - began, _record("deploy"))

    def wait_for(self, running: subprocess.Popen[str], host: str, version: str) -> None:
        """Wait until a playbook that runs has let a host switch to a version, and done nothing more there."""
        deadline = time.monotonic() + 300
        while True:
            # Its status would take longer to tell, on a busy machine longer than a version is watched.
            last = json.loads(machines.inside(host, "tail", "-n", "1", "/var/lib/scanops/history.jsonl"))
            if (last["event"], last["digest"]) == ("switched", self.versions[version].digest):
                return
            assert running.poll() is None, running.communicate()[0]
            assert time.monotonic() < deadline, last
            time.sleep(0.2)

    @property
    def is_bootstrapped(self) -> bool:
        """Whether the hosts have been made ready."""
        return bool(
            machines.inside(list(machines.HOSTS)[-1], "ls", "/usr/local/bin/scanops-host", check=False)
        )

    @property
    def serving(self) -> str:
        """The version that every host serves."""
        (version,) = set(self.digests().values())
        assert version is not None
        return version

    @property
    def other(self) -> str:
        """The good version that they do not serve."""
        return "two" if self.serving == "one" else "one"

    def fresh(self) -> str:
        """Build and promote a good version that no host has."""
        name = f"fresh{len(self.versions)}"
        self.versions[name] = self.build(name)
        self.promote(*self.versions)
        return name

    def plan(self, version: str, folder: Path) -> dict[str, Any]:
        """Take a version's archive apart, as a deployment does."""
        chosen = self.versions[version]
        command = [sys.executable, "-m", "pipelines.stage_image", "--archive", chosen.archive]
        printed = parts.call(*command, "--digest", chosen.digest, "--out", folder)
        return dict(json.loads(printed))

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
        record: What it wrote down; empty where it was refused before it looked at a host.
    """

    code: int
    out: str
    err: str
    seconds: float
    record: dict[str, Any]

    @property
    def rollback_s(self) -> float | None:
        """From the fault's detection until the last host was back, where any had to go back."""
        hosts = self.record.get("hosts", {}).values()
        back = [entry["back_at"] for entry in hosts if entry["put_back"]]
        told = [(entry["fault"] or {}).get("put_back_s") for entry in hosts]
        alone = [float(seconds) for seconds in told if seconds not in (None, "")]
        return max(back) - float(self.record["detected_at"]) if back else max(alone, default=None)


def _record(playbook: str) -> dict[str, Any]:
    path = ROOT / f"build/deploy/example/{'status' if playbook == 'status' else 'last'}.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


@contextmanager
def site(folder: Path, wanted: Sequence[str] = tuple(FAULTS)) -> Iterator[Site]:
    """Bring everything up, with these versions built, for the length of a block."""
    engine = engine_setup.find()
    base = base_image.ensure(engine, "python:3.11-slim-bookworm").reference
    with ExitStack() as stack:
        machines.make_image(folder)
        names = [address for _, address in machines.HOSTS.values()] + ["10.213.2.1", *machines.HOSTS]
        authority, certificate, key = parts.make_certificate(folder, names)
        ssh_config = stack.enter_context(machines.machines(folder))
        stack.enter_context(parts.registry(folder, machines.REGISTRY, certificate, key))
        repository = f"{machines.REGISTRY}/scanops"

        def build(name: str, ballast: bytes = b"") -> Version:
            fault = FAULTS.get(name, "none")
            return parts.build(folder, base, name, fault, repository, authority=authority, ballast=ballast)

        def publish(name: str, image: str, golden: Path) -> Version:
            return parts.publish(folder, name, image, golden, repository, authority=authority)

        versions = {name: build(name) for name in wanted}
        instances = {
            name: address for name, (network, address) in machines.HOSTS.items() if network == machines.CLOUD
        }
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
        here = Site(folder, env, authority, versions, build, publish)
        here.promote(*versions)
        yield here
