"""Deployments to real hosts, while clients count at every gateway: what goes well, what is put back."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.deploy import machines
from tests.deploy.load import lost_elsewhere
from tests.deploy.parts import call
from tests.deploy.site import Site
from tests.deploy.table import Table
from tests.image_stage import lay_out, run_stage

pytestmark = [pytest.mark.deploy, pytest.mark.xdist_group("deploy")]
MOST_ROLLBACK_S = 60.0


def everywhere(version: str) -> dict[str, str | None]:
    """Say that every host serves a version."""
    return dict.fromkeys(machines.HOSTS, version)


def test_first_deploy_reaches_racks_and_clouds(here: Site, table: Table) -> None:
    """Four fresh hosts serve the digest: two from the registry, two over a bastion from the archive."""
    assert here.run("bootstrap").code == 0
    # Nothing leads from a rack to the registry, and nobody but the bastion logs in there.
    knock = "import socket; socket.create_connection(('10.213.2.1', 5443), 3)"
    assert "unreachable" in call(
        "sh", "-c", f'docker exec scanops-test-rack-1 python3 -c "{knock}" 2>&1 | tail -1'
    )
    config = here.env["SCANOPS_SSH_CONFIG"]
    direct = ["ssh", "-F", config, "-J", "none", "-o", "BatchMode=yes", "10.213.1.11", "true"]
    assert subprocess.run(direct, check=False, capture_output=True).returncode == 255
    ended = here.run("deploy", "one")
    assert ended.code == 0, ended.out + ended.err
    assert here.digests() == everywhere("one")
    table.add("first deploy", [ended], None)


def test_container_is_hardened(served: Site) -> None:
    """What runs on a host is read-only, without capabilities, as nobody, and on loopback alone."""
    slot = served.status("rack-1")["slot"]
    described = json.loads(machines.inside("rack-1", "docker", "inspect", f"scanops-{slot}"))[0]
    host, config = described["HostConfig"], described["Config"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert config["User"] == "10001:10001"
    assert {one["HostIp"] for ports in host["PortBindings"].values() for one in ports} == {"127.0.0.1"}


def test_second_deploy_changes_nothing(served: Site, table: Table) -> None:
    """The same digest again: no task reports a change, and no request is lost."""
    with table.counted(served, "second deploy, nothing to do") as (load, ended):
        ended.append(served.run("deploy", served.serving))
    assert ended[0].code == 0, ended[0].out + ended[0].err
    recap = ended[0].out.rpartition("PLAY RECAP")[2]
    assert recap.count("changed=0") == len(machines.HOSTS) + 1, recap
    assert load.failed == 0, load


def test_second_bootstrap_changes_nothing(served: Site, table: Table) -> None:
    """Every role is idempotent, and interrupts nobody."""
    with table.counted(served, "second bootstrap") as (load, ended):
        ended.append(served.run("bootstrap"))
    assert ended[0].code == 0, ended[0].out + ended[0].err
    assert ended[0].out.rpartition("PLAY RECAP")[2].count("changed=0") == len(machines.HOSTS)
    assert load.failed == 0, load


def test_check_says_what_would_change_and_changes_nothing(served: Site, table: Table) -> None:
    """`--check --diff` names old and new digest for each host; every host stays as it is."""
    before, wanted = served.digests(), served.other
    ended = served.run("deploy", wanted, "--check", "--diff")
    table.add("deploy --check --diff", [ended], None)
    assert ended.code == 0, ended.out + ended.err
    assert ended.out.rpartition("PLAY RECAP")[2].count("changed=0") == 1  # localhost
    assert served.digests() == before
    assert all(served.status(host)["lock"] is None for host in machines.HOSTS)


def test_upgrade_loses_no_request(served: Site, table: Table) -> None:
    """Every host moves to another version under load; of at least ten thousand requests none fails."""
    wanted, least = served.other, 2_500 * len(machines.HOSTS)
    with table.counted(served, "upgrade under load", rate_hz=40) as (load, ended):
        ended.append(served.run("deploy", wanted))
        while load.sent < least:
            time.sleep(1)
    assert ended[0].code == 0, ended[0].out + ended[0].err
    assert served.digests() == everywhere(wanted)
    assert load.sent >= least
    assert load.failed == 0, load


@pytest.mark.parametrize(
    ("version", "says", "rate_hz"),
    [
        ("never", "readiness: not ready within", 6),
        ("wrong", "golden image", 6),
        # It lets through the rehearsal: it serves, and leaks, until its clients' errors show it.
        ("errors", "error rate", 40),
        ("slow", "p95", 6),
    ],
)
def test_a_bad_version_is_put_back(
    served: Site, table: Table, version: str, says: str, rate_hz: float
) -> None:
    """A version that does not hold stays on the canary, and leaves it within a minute; exit code 3."""
    before = served.digests()
    # The fake takes 20 ms, its slow version 60; this machine's other work may cost some as well.
    bounds = {"model_service_latency_slack_ms": 25} if version == "slow" else {}
    with table.counted(served, f"bad version: {version}", rate_hz) as (load, ended):
        ended.append(served.run("deploy", version, **bounds))
    assert ended[0].code == 3, ended[0].out + ended[0].err
    assert f"error: rack-1: {'watch' if version == 'errors' else 'swap'}: " in ended[0].err
    assert says in ended[0].err
    assert served.digests() == before
    assert lost_elsewhere(load, "rack-1") == 0, load
    assert version == "errors" or load.failed == 0, load
    assert ended[0].rollback_s is not None
    assert ended[0].rollback_s <= MOST_ROLLBACK_S


def test_rollback_by_hand_to_any_version(served: Site, table: Table) -> None:
    """All hosts go to the version before at the same time, and to a named one of their history."""
    first = served.serving
    if served.run("deploy", second := served.other).code:
        pytest.fail("the upgrade before the rollback failed")
    with table.counted(served, "rollback by hand, to the one before") as (load, ended):
        ended.append(served.run("rollback"))
    assert ended[0].code == 0, ended[0].out + ended[0].err
    assert served.digests() == everywhere(first)
    assert load.failed == 0, load
    with table.counted(served, "rollback by hand, to a digest") as (load, ended):
        ended.append(served.run("rollback", second))
    assert ended[0].code == 0, ended[0].out + ended[0].err
    assert served.digests() == everywhere(second)
    assert load.failed == 0, load


def test_a_retired_host_says_503_and_comes_back(served: Site, table: Table) -> None:
    """One host stops serving, the others lose nothing; `make status` shows the drift, deploy corrects it."""
    version = served.serving
    with table.counted(served, "one host retired") as (load, ended):
        ended.append(served.run("retire", "", "--limit", "cloud-2,localhost"))
    assert ended[0].code == 0, ended[0].out + ended[0].err
    assert lost_elsewhere(load, "cloud-2") == 0
    trusted = ssl.create_default_context(cafile=str(served.authority))
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=trusted), urllib.request.ProxyHandler({})
    )
    with pytest.raises(urllib.error.HTTPError, match="503"):
        opener.open(f"https://{served.addresses['cloud-2']}/readyz", timeout=10)
    served.promote(version)
    shown = served.run("status")
    served.promote(*served.versions)
    assert shown.code == 0
    assert f"drift: cloud-2 should run {served.versions[version].digest[:19]}" in shown.out
    assert served.run("deploy", version).code == 0
    assert served.digests() == everywhere(version)


def test_the_real_service_takes_over(served: Site, table: Table, tmp_path: Path) -> None:
    """No fake: the image that the stage builds goes to a rack and a cloud, and answers its golden images."""
    lay_out(tmp_path)
    built = run_stage(tmp_path)
    assert built.returncode == 0, built.stderr
    golden = tmp_path / "golden.json"
    folders = [part for name in ("bundle", "raw") for part in (f"--{name}", tmp_path / name)]
    tables = [
        part for name in ("splits", "predictions") for part in (f"--{name}", tmp_path / f"{name}.parquet")
    ]
    call(sys.executable, "-m", "pipelines.golden", *folders, *tables, "--out", golden)
    image = json.loads((tmp_path / "image.json").read_text())["reference"]
    served.versions["real"] = served.publish("real", image, golden)
    served.promote(*served.versions)
    with table.counted(served, "the real service", version="real") as (load, ended):
        # The fake is no measure of its speed.
        few = ("--limit", "rack-1,cloud-1,localhost")
        ended.append(served.run("deploy", "real", *few, model_service_max_p95_ratio=50))
    assert ended[0].code == 0, ended[0].out + ended[0].err
    assert {host for host, version in served.digests().items() if version == "real"} == {"rack-1", "cloud-1"}
    assert load.failed == 0, load


def test_an_unpromoted_version_that_is_wanted_is_recorded(served: Site, table: Table) -> None:
    """With allow_unpromoted it goes out, and each host's history and table say so."""
    wanted = served.other
    served.promote(served.serving)
    try:
        ended = served.run("deploy", wanted, model_service_allow_unpromoted=True)
    finally:
        served.promote(*served.versions)
    table.add("unpromoted, allowed", [ended], None)
    assert ended.code == 0, ended.out + ended.err
    assert ended.out.count(", unpromoted") == len(machines.HOSTS)
    for host in machines.HOSTS:
        kept = served.status(host)["history"][-1]
        assert (kept["event"], kept["unpromoted"]) == ("kept", True)
