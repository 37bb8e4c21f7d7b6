"""What cannot go well is refused in one clear line a host, and nothing changes anywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy import machines
from tests.deploy.load import lost_elsewhere
from tests.deploy.parts import DEPLOY_BIN, ROOT, call
from tests.deploy.site import Ended, Site, at
from tests.deploy.table import Table

pytestmark = [pytest.mark.deploy, pytest.mark.xdist_group("deploy")]
INVENTORIES = ROOT / "ansible/inventories"


def histories(here: Site) -> dict[str, object]:
    """Give every host's history, version and lock."""
    status = {host: here.status(host) for host in machines.HOSTS}
    return {host: (one["history"], one["digest"], one["lock"]) for host, one in status.items()}


@contextmanager
def refused(here: Site, table: Table, name: str, code: int) -> Iterator[list[Ended]]:
    """Hold a run to its exit code, to lines of its own at the end, and to have changed no host."""
    before, ended = histories(here), list[Ended]()
    yield ended
    table.add(name, ended, None)
    assert ended[0].code == code, ended[0].out + ended[0].err
    assert histories(here) == before
    assert "Traceback" not in ended[0].err


def lines(ended: Ended) -> list[str]:
    """Give our own lines of what went wrong."""
    return [line for line in ended.err.splitlines() if line.startswith("error: ")]


def test_an_unpromoted_digest(served: Site, table: Table) -> None:
    """What the ledger does not name goes nowhere."""
    served.promote(served.serving)
    try:
        with refused(served, table, "unpromoted digest", 2) as ended:
            ended.append(served.run("deploy", served.other))
    finally:
        served.promote(*served.versions)
    assert "is not promoted" in lines(ended[0])[0]


def test_a_corrupted_archive(served: Site, table: Table) -> None:
    """A flipped byte in the archive is found on the control node; no host is asked anything."""
    archive = served.versions["one"].archive
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-2000] + bytes([whole[-2000] ^ 1]) + whole[-1999:])
    try:
        with refused(served, table, "archive corrupted on its way", 4) as ended:
            ended.append(served.run("deploy", "one"))
    finally:
        archive.write_bytes(whole)
    assert "is corrupted" in lines(ended[0])[0]
    assert "Look at every host" not in ended[0].out


def test_a_host_that_is_down(served: Site, table: Table) -> None:
    """One host of four does not answer: nothing changes anywhere, and one line names it."""
    before, wanted = histories(served), served.other
    with machines.frozen("rack-2"), table.counted(served, "host down before") as (load, ended):
        ended.append(served.run("deploy", wanted))
    assert ended[0].code == 4, ended[0].out + ended[0].err
    assert lines(ended[0])[0].startswith("error: rack-2: look: host: cannot be reached (")
    assert len(lines(ended[0])) == 2
    assert histories(served) == before
    assert lost_elsewhere(load, "rack-2") == 0, load


def test_a_host_that_may_be_down(served: Site, table: Table) -> None:
    """With max_unavailable=1 the others are deployed to; the one that was away gets it at the next run."""
    wanted = served.other
    with machines.frozen("rack-2"):
        ended = served.run("deploy", wanted, model_service_max_unavailable=1)
    table.add("host down, one may be", [ended], None)
    assert ended.code == 0, ended.out + ended.err
    assert lines(ended) == [line for line in lines(ended) if line.startswith("error: rack-2: look: ")]
    assert [host for host, version in served.digests().items() if version != wanted] == ["rack-2"]
    assert served.run("deploy", wanted).code == 0
    assert set(served.digests().values()) == {wanted}


def test_a_full_disk(served: Site, table: Table) -> None:
    """Two hosts without room, one for the engine, one for what is sent: found before any host changes."""
    wanted = served.fresh()
    machines.inside("rack-2", "mount", "-t", "tmpfs", "-o", "size=4k", "none", "/var/lib/scanops/staging")
    try:
        with table.counted(served, "full disk") as (load, ended):
            before = served.digests()
            # The engine's disk is this machine's own: the bound is raised instead of filling it.
            least = at("cloud-1", 10**9, 200)
            ended.append(served.run("deploy", wanted, model_service_min_free_mb=least))
    finally:
        machines.inside("rack-2", "umount", "/var/lib/scanops/staging")
    assert ended[0].code == 4, ended[0].out + ended[0].err
    said = lines(ended[0])
    assert said[0].startswith("error: cloud-1: image: disk of the engine: ")
    assert said[1].startswith("error: rack-2: image: ")
    assert "No space left on device" in said[1]
    assert served.digests() == before
    assert load.failed == 0


def test_a_host_whose_key_changed(served: Site, table: Table, tmp_path: Path) -> None:
    """Another key than the one that was written down: nobody logs in there, and nothing changes."""
    known = served.folder / "known_hosts"
    right = known.read_text()
    call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "another")
    key = " ".join((tmp_path / "another.pub").read_text().split()[:2])
    address = machines.HOSTS["cloud-1"][1]
    known.write_text(
        "".join(
            f"{address} {key}\n" if line.startswith(address) else line + "\n" for line in right.splitlines()
        )
    )
    try:
        with refused(served, table, "host key changed", 4) as ended:
            # A connection that is still open would not be asked for its key.
            ended.append(
                served.run("deploy", served.other, env={"ANSIBLE_SSH_CONTROL_PATH_DIR": str(tmp_path / "cp")})
            )
    finally:
        known.write_text(right)
    assert lines(ended[0])[0].startswith("error: cloud-1: look: host: its key is not the one")
    assert len(lines(ended[0])) == 2


def test_a_wrong_vault_password(served: Site, table: Table, tmp_path: Path) -> None:
    """Secrets that cannot be read end the run before any host is touched."""
    for name in ("right", "wrong"):
        (tmp_path / name).write_text(f"{name}-password\n")
    (tmp_path / "secrets.yml").write_text("gateway_key_pem: secret\n")
    call(
        DEPLOY_BIN / "ansible-vault",
        "encrypt",
        "--vault-password-file",
        tmp_path / "right",
        tmp_path / "secrets.yml",
    )
    more = ["-e", f"@{tmp_path}/secrets.yml", "--vault-password-file", str(tmp_path / "wrong")]
    for playbook in ("bootstrap", "deploy"):
        with refused(served, table, f"wrong vault password, {playbook}", 2) as ended:
            ended.append(served.run(playbook, served.other if playbook == "deploy" else "", *more))
        assert "Decryption failed" in ended[0].err
        assert "secret" not in ended[0].out


def test_an_unknown_environment(served: Site, table: Table) -> None:
    """The message names those that are known."""
    with refused(served, table, "unknown environment", 2) as ended:
        ended.append(served.run("deploy", served.other, environment="exampel"))
    assert lines(ended[0]) == ["error: environment 'exampel': is not there. Set ENV to one of: example"]


def test_an_empty_group(served: Site, table: Table) -> None:
    """An environment without hosts, and a limit that leaves none, are refused and not done."""
    empty = INVENTORIES / "test-empty"
    shutil.copytree(INVENTORIES / "example", empty, ignore=shutil.ignore_patterns("cloud*", "onprem.yml"))
    (empty / "onprem.yml").write_text("onprem:\n  hosts: {}\n")
    try:
        with refused(served, table, "empty group", 2) as ended:
            ended.append(served.run("deploy", served.other, environment="test-empty"))
    finally:
        shutil.rmtree(empty)
    assert "its group model_service is empty" in lines(ended[0])[0]
    with refused(served, table, "a limit that leaves no host", 2) as ended:
        ended.append(served.run("deploy", served.other, "--limit", "rack-7,localhost"))
    assert "rack-7" in ended[0].err


@pytest.mark.parametrize("playbook", ["bootstrap", "deploy", "rollback", "retire"])
def test_a_bad_variable(served: Site, table: Table, playbook: str) -> None:
    """A value of another type than the role's specification has is named for each host."""
    with refused(served, table, f"bad variable, {playbook}", 2) as ended:
        version = served.other if playbook == "deploy" else ""
        limit = ["--limit", "all"] if playbook == "retire" else []  # which it asks for
        ended.append(served.run(playbook, version, *limit, model_service_watch_s="soon"))
    said = [line for line in lines(ended[0]) if "model_service_watch_s" in line]
    assert [line.split(": ")[1] for line in said] == sorted(machines.HOSTS)


def test_a_bad_variable_of_one_host(served: Site, table: Table) -> None:
    """One host's bad value stops all of them."""
    with refused(served, table, "bad variable of one host", 2) as ended:
        ended.append(served.run("deploy", served.other, model_service_pids=at("cloud-2", "many", 256)))
    assert "model_service_pids" in next(
        line for line in lines(ended[0]) if line.startswith("error: cloud-2: ")
    )


def test_a_missing_variable(served: Site, table: Table) -> None:
    """Without the gateway's key no host is touched, not even by the roles before that of the gateway."""
    with refused(served, table, "missing variable", 2) as ended:
        ended.append(served.run("bootstrap", env={"SCANOPS_GATEWAY_KEY": None}))
    said = lines(ended[0])
    assert [line.split(": ")[1] for line in said[:-1]] == sorted(machines.HOSTS)
    assert all("Set SCANOPS_GATEWAY_KEY" in line for line in said[:-1])
    assert "changed=0" in ended[0].out


def test_blobs_that_were_damaged_on_a_host(served: Site, table: Table, tmp_path: Path) -> None:
    """What an interrupted transfer left is not taken for whole: the host refuses it, and is sent it anew."""
    wanted = served.fresh()
    plan = served.plan(wanted, tmp_path)
    damaged = str(plan["layers"][-1]["blob"])
    for blob in (plan["digest"], plan["config"], damaged):
        path = tmp_path / blob.partition(":")[2]
        data = path.read_bytes()
        path.write_bytes(data[:-1] if blob == damaged else data)
        call("docker", "cp", path, f"scanops-test-rack-1:/var/lib/scanops/staging/{path.name}")
    machines.inside("rack-1", "scanops-host", "lock", "--run", "by hand", "--by", "ada")
    command = ["docker", "exec", "scanops-test-rack-1", "scanops-host", "load", "--run", "by hand"]
    done = subprocess.run([*command, "--plan", json.dumps(plan)], check=False, capture_output=True, text=True)
    machines.inside("rack-1", "scanops-host", "unlock", "--run", "by hand")
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"blob {damaged}: is missing or damaged on this host" in done.stdout
    with table.counted(served, "blob damaged on a host, sent anew") as (load, ended):
        ended.append(served.run("deploy", wanted))
    assert ended[0].code == 0, ended[0].out + ended[0].err
    assert set(served.digests().values()) == {wanted}
    assert load.failed == 0
