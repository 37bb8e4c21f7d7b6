"""Deployments to real hosts: each scenario has clients at every gateway, and they count.

The scenarios build on each other, in the order of this file: each starts from what the one before left.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import require_part
from tests.deploy import machines
from tests.deploy.load import Load
from tests.deploy.parts import DEPLOY_BIN, ROOT, call
from tests.deploy.site import Ended, Site, site

pytestmark = [pytest.mark.deploy, pytest.mark.xdist_group("deploy")]
ROWS: list[str] = []
MOST_ROLLBACK_S = 60.0


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give four hosts, two of them behind a bastion and without a registry; print the table at the end."""
    for program in ("docker-registry", "skopeo", "mmdebstrap", "ssh", "openssl"):
        require_part(
            shutil.which(program), f"no {program}: apt-get install docker-registry skopeo mmdebstrap ssh"
        )
    require_part((DEPLOY_BIN / "ansible-playbook").exists(), "no build/deploy; `make deploy-tools` makes it")
    with site(tmp_path_factory.mktemp("site")) as ready:
        yield ready
        heading = f"{'scenario':38} {'exit':>4} {'sent':>6} {'failed':>6} {'roll back':>9} {'seconds':>7}"
        table = "\n".join([heading, *ROWS])
        Path(ROOT / "build/deploy/scenarios.txt").write_text(table + "\n")
        print("\n" + table)


@contextmanager
def counted(
    here: Site, name: str, version: str = "one", rate_hz: float = 6
) -> Iterator[tuple[Load, list[Ended]]]:
    """Run clients for the length of a block, and add a row to the table."""
    ended: list[Ended] = []
    with here.load(version, rate_hz) as load:
        yield load, ended
        time.sleep(1)
    back = next((one.rollback_s for one in ended if one.rollback_s is not None), None)
    shown = f"{back:.1f} s" if back is not None else "-"
    last = ended[-1]
    seconds = sum(one.seconds for one in ended)
    ROWS.append(f"{name:38} {last.code:>4} {load.sent:>6} {load.failed:>6} {shown:>9} {seconds:>7.0f}")
    with (here.folder / "rows.txt").open("a") as file:
        file.write(
            ROWS[-1]
            + f"  {[(host, count.faults[:3]) for host, count in load.hosts.items() if count.faults]}\n"
        )


def lost_elsewhere(load: Load, touched: str) -> int:
    """Count the requests that failed on hosts other than one."""
    return sum(len(count.faults) for host, count in load.hosts.items() if host != touched)


def everywhere(version: str) -> dict[str, str | None]:
    """Say that every host serves a version."""
    return dict.fromkeys(machines.HOSTS, version)


def test_first_deploy_reaches_racks_and_clouds(here: Site) -> None:
    """Four fresh hosts serve the digest: two from the registry, two over a bastion from the archive."""
    assert here.run("bootstrap").code == 0
    # Nothing leads from a rack to the registry, and nobody but the bastion logs in there.
    knock = "import socket; socket.create_connection(('10.213.2.1', 5443), 3)"
    assert "unreachable" in call(
        "sh", "-c", f'docker exec scanops-test-rack-1 python3 -c "{knock}" 2>&1 | tail -1'
    )
    direct = [
        "ssh",
        "-F",
        here.env["SCANOPS_SSH_CONFIG"],
        "-J",
        "none",
        "-o",
        "BatchMode=yes",
        "10.213.1.11",
        "true",
    ]
    assert subprocess.run(direct, check=False, capture_output=True).returncode == 255
    ended = here.run("deploy", "one")
    assert ended.code == 0, ended.out + ended.err
    assert here.digests() == everywhere("one")
    ROWS.append(f"{'first deploy':38} {ended.code:>4} {'-':>6} {'-':>6} {'-':>9} {ended.seconds:>7.0f}")


def test_container_is_hardened(here: Site) -> None:
    """What runs on a host is read-only, without capabilities, as nobody, and on loopback alone."""
    described = json.loads(machines.inside("rack-1", "docker", "inspect", "scanops-b"))[0]
    host, config = described["HostConfig"], described["Config"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert config["User"] == "10001:10001"
    assert {one["HostIp"] for ports in host["PortBindings"].values() for one in ports} == {"127.0.0.1"}


def test_second_deploy_changes_nothing(here: Site) -> None:
    """The same digest again: no task reports a change, and no request is lost."""
    with counted(here, "second deploy, nothing to do") as (load, ended):
        ended.append(here.run("deploy", "one"))
    assert ended[0].code == 0, ended[0].out + ended[0].err
    recap = ended[0].out.rpartition("PLAY RECAP")[2]
    assert recap.count("changed=0") == len(machines.HOSTS) + 1, recap
    assert load.failed == 0, load


def test_upgrade_loses_no_request(here: Site) -> None:
    """Every host moves to another version under load; of at least ten thousand requests none fails."""
    with counted(here, "upgrade under load", rate_hz=25) as (load, ended):
        ended.append(here.run("deploy", "two"))
        while load.sent < 10_100:
            time.sleep(1)
    assert ended[0].code == 0, ended[0].out + ended[0].err
    assert here.digests() == everywhere("two")
    assert load.sent >= 10_000
    assert load.failed == 0, load


@pytest.mark.parametrize(
    ("version", "says", "serves_meanwhile"),
    [
        ("never", "readiness: not ready within", False),
        ("wrong", "golden image", False),
        ("errors", "error rate", True),
        ("slow", "p95", False),
    ],
)
def test_a_bad_version_is_put_back(here: Site, version: str, says: str, serves_meanwhile: bool) -> None:
    """A version that does not hold stays on the canary, and leaves it within a minute; exit code 3."""
    before = here.digests()
    with counted(here, f"bad version: {version}") as (load, ended):
        ended.append(here.run("deploy", version))
    assert ended[0].code == 3, ended[0].out + ended[0].err
    assert says in ended[0].err
    assert here.digests() == before
    assert lost_elsewhere(load, "rack-1") == 0, load
    if not serves_meanwhile:
        assert load.failed == 0, load
    assert ended[0].rollback_s is not None
    assert ended[0].rollback_s <= MOST_ROLLBACK_S


def test_an_unpromoted_digest_is_refused(here: Site) -> None:
    """What the ledger does not name goes nowhere."""
    here.promote("two")
    try:
        ended = here.run("deploy", "one")
        assert ended.code == 2, ended.out + ended.err
        assert "is not promoted" in ended.out
    finally:
        here.promote(*here.versions)
    ROWS.append(f"{'unpromoted digest':38} {ended.code:>4} {'-':>6} {'-':>6} {'-':>9} {ended.seconds:>7.0f}")
    assert here.digests() == everywhere("two")


def test_a_corrupted_archive_is_refused(here: Site) -> None:
    """A flipped byte in the archive is found on the control node; no host is asked anything."""
    archive = here.versions["one"].archive
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-2000] + bytes([whole[-2000] ^ 1]) + whole[-1999:])
    try:
        ended = here.run("deploy", "one")
    finally:
        archive.write_bytes(whole)
    ROWS.append(f"{'corrupted archive':38} {ended.code:>4} {'-':>6} {'-':>6} {'-':>9} {ended.seconds:>7.0f}")
    assert ended.code != 0
    assert "is corrupted" in ended.out
    assert "Look at every host" not in ended.out
    assert here.digests() == everywhere("two")


def test_a_host_that_is_down_stops_everything(here: Site) -> None:
    """One host of four does not answer: nothing changes anywhere, and one line names it."""
    with machines.frozen("rack-2"):
        ended = here.run("deploy", "one", "--limit", "rack-1,rack-2,localhost")
    ROWS.append(f"{'host down before':38} {ended.code:>4} {'-':>6} {'-':>6} {'-':>9} {ended.seconds:>7.0f}")
    assert ended.code == 4, ended.out + ended.err
    assert "error: rack-2: look: host: cannot be reached" in ended.err
    assert here.digests() == everywhere("two")


def test_a_full_disk_stops_everything(here: Site) -> None:
    """A host without room is found before any host changes; the line says how much is needed."""
    with counted(here, "full disk") as (load, ended):
        # The test hosts share this machine's disk, so the bound is raised instead of filling it.
        ended.append(
            here.run("deploy", "one", "--limit", "cloud-1,rack-1,localhost", model_service_min_free_mb=10**9)
        )
    assert ended[0].code == 4, ended[0].out + ended[0].err
    assert "disk of the engine" in ended[0].err
    assert here.digests() == everywhere("two")
    assert load.failed == 0


def test_two_deploys_at_once(here: Site) -> None:
    """The second is refused by the name of the first, and the first ends well."""
    with counted(here, "two at once: the first") as (load, ended):
        first = start(here, "one")
        wait_for(here, "rack-1", lambda status: bool(status["lock"]))
        second = here.run("deploy", "two")
        output = first.communicate(timeout=900)[0]
        ended.append(Ended(first.returncode, output, "", 0.0, {"hosts": {}}))
    assert second.code == 2, second.out + second.err
    assert "lock: held by" in second.err
    assert first.returncode == 0, output
    assert here.digests() == everywhere("one")
    assert load.failed == 0, load


def test_a_killed_control_node_is_made_good_by_running_again(here: Site) -> None:
    """Killed between switch and verdict: no request is lost, and the next run finishes the work."""
    with counted(here, "control node killed, run again") as (load, ended):
        first = start(here, "two")
        wait_for(here, "rack-1", lambda status: status["history"][-1]["event"] == "switched")
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
        ended.append(here.run("deploy", "two"))
    assert ended[0].code == 0, ended[0].out + ended[0].err
    assert here.digests() == everywhere("two")
    assert load.failed == 0, load


def test_manual_rollback(here: Site) -> None:
    """All hosts go back to the version before, at the same time, without a lost request."""
    with counted(here, "manual rollback") as (load, ended):
        ended.append(here.run("rollback"))
    assert ended[0].code == 0, ended[0].out + ended[0].err
    assert here.digests() == everywhere("one")
    assert load.failed == 0, load


def start(here: Site, version: str) -> subprocess.Popen[str]:
    """Start a deployment in a process group of its own."""
    return subprocess.Popen(
        here.command("deploy", version),
        cwd=ROOT,
        env=here.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(here: Site, host: str, seen: object) -> None:
    """Wait until a host's status is as wanted."""
    assert callable(seen)
    deadline = time.monotonic() + 300
    while not seen(here.status(host)):
        assert time.monotonic() < deadline, here.status(host)
        time.sleep(0.3)
