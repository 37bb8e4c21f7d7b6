"""Seconds of a batch at 1, 2, 4 and 8 hosts, of a deployment with nothing to do, and bytes to a cut-off host.

Real hosts in containers (tests/deploy), with the service replaced by a small FAKE. All hosts and the control
node share this machine's cores, which real ones would not: so what its processors worked is beside what the
clock says.
"""

from __future__ import annotations

import os
import re
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine
from tests.deploy import machines
from tests.deploy.site import WATCH_S, Ended, Site, site

COUNTS = (8, 4, 2, 1)
BUNDLE_BYTES = (16_000_000, 470_000)  # as of a MobileNet, and as of the network that `make repro` trains
FLEET, FORKS, SHARE, CONTROL_CORES = 500, 50, 0.1, 2
MOST_IDLE_S, MOST_BYTES = 60, 1.1
CUMULATED = re.compile(r"\)\s+(\d+):(\d+):([\d.]+) \*")


@dataclass(frozen=True)
class Measured:
    """One deployment.

    Attributes:
        batch_s: Of its one batch, by the clock.
        whole_s: From start to end, by the clock.
        control_cpu_s: Processor time of the control node, its connections included.
        machine_cpu_s: Processor time of all of this machine's cores: control node and hosts.
    """

    batch_s: float
    whole_s: float
    control_cpu_s: float
    machine_cpu_s: float


def main() -> None:
    """Print the figures, and what follows for a fleet."""
    clouds = [f"cloud-{index}" for index in range(1, max(COUNTS) + 1)]
    machines.HOSTS = {
        "rack-1": (machines.ONPREM, "10.213.1.11"),
        **{name: (machines.CLOUD, f"10.213.2.{index + 10}") for index, name in enumerate(clouds, 1)},
    }
    with tempfile.TemporaryDirectory() as folder, site(Path(folder), ("one", "two")) as here:
        here.env["ANSIBLE_CALLBACKS_ENABLED"] = "ansible.posix.profile_tasks"
        hosts = ",".join(["rack-1", *clouds, "localhost"])
        require(here.run("bootstrap", "", "--limit", hosts))
        for version in ("one", "two"):  # so that each batch below only swaps
            require(here.run("deploy", version, "--limit", hosts))
        print(f"{'hosts':>5} {'batch s':>8} {'whole s':>8} {'CPU s, control':>15} {'CPU s, all':>11}")
        rows = {}
        for count, version in zip(COUNTS, ("one", "two", "one", "two"), strict=True):
            rows[count] = measure(here, version, [*clouds[:count], "localhost"])
            print(row(str(count), rows[count]), flush=True)
        require(here.run("deploy", "one", "--limit", hosts))
        idle = measure(here, "one", [*clouds, "localhost"])
        print(row("idle", idle), flush=True)
        held = kept(idle.whole_s <= MOST_IDLE_S)
        print(f"nothing to do, {len(clouds)} hosts: {idle.whole_s:.1f} s, at most {MOST_IDLE_S}: {held}")
        for size in BUNDLE_BYTES:
            transfer(here, size)
    extrapolate(rows)
    print(machine.describe())


def require(ended: Ended) -> Ended:
    """Stop at a run that failed: its seconds would mean nothing."""
    if ended.code:
        sys.exit(ended.out[-3000:] + ended.err)
    return ended


def measure(here: Site, version: str, hosts: list[str]) -> Measured:
    """Deploy to some hosts in one batch."""
    children, busy = resource.getrusage(resource.RUSAGE_CHILDREN), _busy_s()
    ended = require(here.run("deploy", version, "--limit", ",".join(hosts)))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    began, over = (_cumulated(ended.out, play) for play in ("Deploy to the others", "Put back every"))
    return Measured(over - began, ended.seconds, cpu, _busy_s() - busy)


def row(name: str, seen: Measured) -> str:
    """Give a line of the table."""
    clock = f"{name:>5} {seen.batch_s:8.1f} {seen.whole_s:8.1f}"
    return f"{clock} {seen.control_cpu_s:15.1f} {seen.machine_cpu_s:11.1f}"


def kept(holds: bool) -> str:
    """Say whether a bound was kept."""
    return "kept" if holds else "NOT KEPT"


def transfer(here: Site, size: int) -> None:
    """Upgrade the cut-off host to a version that differs in its bundle alone; count the bytes that arrive."""
    name = f"weight{size}"
    here.versions[name] = here.build(name, os.urandom(size))
    here.promote(*here.versions)
    before = _received()
    require(here.run("deploy", name, "--limit", "rack-1,localhost"))
    time.sleep(1)
    arrived = _received() - before
    ratio = arrived / size
    held = kept(ratio <= MOST_BYTES)
    print(
        f"bytes to rack-1, bundle of {size:,}: {arrived:,}, {ratio:.3f} of it, at most {MOST_BYTES}: {held}"
    )


def extrapolate(rows: dict[int, Measured]) -> None:
    """Say what follows for a fleet whose hosts have processors of their own, and what is assumed."""
    most, least = max(rows), min(rows)
    each = (rows[most].control_cpu_s - rows[least].control_cpu_s) / (most - least)
    fixed = rows[least].control_cpu_s - each * least
    batches, size = round(1 / SHARE), round(FLEET * SHARE)
    control_s = (fixed + each * FLEET) / CONTROL_CORES
    swap_s = rows[least].batch_s
    batch_s = swap_s - WATCH_S + 60
    print(f"on paper, {FLEET} hosts in {batches} batches of {size}, forks {FORKS}:")
    print(f"  control node: {each:.2f} s of work a host, {fixed:.1f} s a run")
    print(f"  so, on {CONTROL_CORES} cores, {control_s / 60:.1f} min")
    print(f"  a batch alone: {swap_s:.0f} s watched for {WATCH_S} s, {batch_s:.0f} s watched for 60")
    print(f"  together at most {(control_s + batches * batch_s) / 60:.0f} min")
    for bundle in BUNDLE_BYTES:
        print(f"  sent from one place: {FLEET} x {bundle / 1e6:.1f} MB = {FLEET * bundle / 1e9:.1f} GB")


def _cumulated(out: str, play: str) -> float:
    """Read from profile_tasks' output when a play began."""
    hours, minutes, seconds = CUMULATED.findall(out[out.index(f"PLAY [{play}") :])[0]
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _busy_s() -> float:
    user, nice, system, _idle, _wait, irq, soft = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def _received() -> int:
    return int(machines.inside("rack-1", "cat", "/sys/class/net/eth0/statistics/rx_bytes"))


if __name__ == "__main__":
    main()
