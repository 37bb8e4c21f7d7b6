"""What breaks in the middle of a rollout: control node, host, connection; and two rollouts at once."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.deploy import machines
from tests.deploy.load import lost_elsewhere
from tests.deploy.site import Site
from tests.deploy.table import Table

pytestmark = [pytest.mark.deploy, pytest.mark.xdist_group("deploy")]


def test_two_deploys_at_once(served: Site, table: Table) -> None:
    """The second is refused by the name of the first, and the first ends well."""
    before, wanted = served.serving, served.other
    with table.counted(served, "two at once") as (load, ended):
        began = time.monotonic()
        first = served.start("deploy", wanted)
        while not served.status("rack-1")["lock"]:
            assert first.poll() is None
            time.sleep(0.3)
        second = served.run("deploy", before)
        ended.append(served.finish(first, began))
    assert second.code == 2, second.out + second.err
    assert "lock: held by" in second.err
    assert ended[0].code == 0, ended[0].out
    assert set(served.digests().values()) == {wanted}
    assert load.failed == 0, load


def test_a_killed_control_node_is_made_good_by_running_again(served: Site, table: Table) -> None:
    """Killed between switch and verdict: no request is lost, and the next run finishes the work."""
    wanted = served.other
    with table.counted(served, "control node killed, run again") as (load, ended):
        first = served.start("deploy", wanted)
        served.wait_for(first, "rack-1", wanted)
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
        ended.append(served.run("deploy", wanted))
    assert ended[0].code == 0, ended[0].out + ended[0].err
    assert set(served.digests().values()) == {wanted}
    assert load.failed == 0, load


def test_a_host_that_dies_in_the_middle(served: Site, table: Table) -> None:
    """It dies after its switch: all others go back, none loses a request; once it is up, deploy finishes."""
    before, wanted = served.serving, served.other
    with table.counted(served, "host dies in the middle") as (load, ended):
        began = time.monotonic()
        running = served.start("deploy", wanted)
        served.wait_for(running, "cloud-2", wanted)
        machines.kill("cloud-2")
        ended.append(served.finish(running, began))
    machines.revive("cloud-2")
    assert ended[0].code == 4, ended[0].out
    assert "error: cloud-2: watch: host: cannot be reached (" in ended[0].out
    assert lost_elsewhere(load, "cloud-2") == 0, load
    others = {host: version for host, version in served.digests().items() if host != "cloud-2"}
    assert set(others.values()) == {before}
    again = served.run("deploy", wanted)
    assert again.code == 0, again.out + again.err
    assert set(served.digests().values()) == {wanted}


def test_ssh_that_is_lost_in_the_middle(served: Site, table: Table) -> None:
    """A host falls silent after its switch: it serves on, the others go back; deploy finishes it."""
    before, wanted = served.serving, served.other
    with table.counted(served, "SSH lost in the middle") as (load, ended):
        began = time.monotonic()
        running = served.start("deploy", wanted)
        served.wait_for(running, "cloud-2", wanted)
        with machines.without_ssh("cloud-2"):
            ended.append(served.finish(running, began))
    assert ended[0].code == 4, ended[0].out
    assert "error: cloud-2: watch: host: cannot be reached (" in ended[0].out
    assert load.failed == 0, load
    assert served.digests() == {**dict.fromkeys(machines.HOSTS, before), "cloud-2": wanted}
    shown = served.run("status")
    assert "ready, not yet verified" in next(
        line for line in shown.out.splitlines() if line.startswith("cloud-2  example")
    )
    again = served.run("deploy", wanted)
    assert again.code == 0, again.out + again.err
    assert set(served.digests().values()) == {wanted}


def test_ssh_that_breaks_off_for_a_moment(served: Site, table: Table) -> None:
    """Every connection to a host is cut while it swaps: the command is asked for again, and goes on."""
    wanted = served.other
    with table.counted(served, "SSH cut for a moment") as (load, ended):
        began = time.monotonic()
        running = served.start("deploy", wanted)
        served.wait_for(running, "cloud-1", wanted)
        machines.inside("cloud-1", "pkill", "-f", "sshd: ops")
        ended.append(served.finish(running, began))
    assert ended[0].code == 0, ended[0].out
    assert set(served.digests().values()) == {wanted}
    assert load.failed == 0, load
