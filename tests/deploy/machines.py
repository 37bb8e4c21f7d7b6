"""Real hosts: containers with SSH and an engine of their own, on networks like a hospital's and a cloud's."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deploy.parts import HERE, call, wait_port

IMAGE = "scanops-testhost:bookworm"
RAW = "scanops-testhost-raw:bookworm"
PACKAGES = (
    "openssh-server,docker.io,iptables,nftables,sudo,iproute2,python3,python3-apt,nginx-light,ca-certificates,"
    "procps,prometheus-node-exporter,logrotate"
)
ONPREM, CLOUD = "scanops-test-onprem", "scanops-test-cloud"
ALL_HOSTS = {
    "rack-1": (ONPREM, "10.213.1.11"),
    "rack-2": (ONPREM, "10.213.1.12"),
    "cloud-1": (CLOUD, "10.213.2.11"),
    "cloud-2": (CLOUD, "10.213.2.12"),
}
# Some of them will do for a first look: SCANOPS_TEST_HOSTS=rack-1,cloud-1.
CHOSEN = os.environ.get("SCANOPS_TEST_HOSTS", ",".join(ALL_HOSTS)).split(",")
HOSTS = {name: ALL_HOSTS[name] for name in CHOSEN}
BASTION = "10.213.1.2"
REGISTRY = "10.213.2.1:5443"  # the cloud network's way out; the other network has none
# `--privileged` would ask for a capability that a container in a container may not have.
RIGHTS = [
    "--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE", "--security-opt", "seccomp=unconfined",
    "--security-opt", "apparmor=unconfined", "--device-cgroup-rule", "a *:* rwm",
    "-v", "/var/lib/docker", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw",
]  # fmt: skip


def make_image(folder: Path) -> None:
    """Make the image of a test host from Debian's packages, once a machine."""
    if not call("docker", "image", "ls", "-q", RAW):
        slim = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")]
        packed = folder / "host.tar"
        call("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", *slim, "bookworm", packed,
             *(str(path) for path in Path("/etc/apt").glob("sources.list.d/debian.sources")))  # fmt: skip
        call("docker", "import", packed, RAW)
        packed.unlink()
    call(
        "docker", "build", "-q", "-t", IMAGE, "--build-arg", f"BASE={RAW}", HERE / "host", DOCKER_BUILDKIT="0"
    )


@contextmanager
def machines(folder: Path) -> Iterator[Path]:
    """Start bastion and hosts for the length of a block; yield the ssh_config that leads to them."""
    clear()
    try:
        call("docker", "network", "create", "--internal", "--subnet", "10.213.1.0/24", ONPREM)
        call("docker", "network", "create", "--subnet", "10.213.2.0/24", CLOUD)
        key = folder / "id"
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        _start("bastion", CLOUD, "10.213.2.2", ["-e", "ENGINE=no"])
        call("docker", "network", "connect", "--ip", BASTION, ONPREM, "scanops-test-bastion")
        for name, (network, address) in HOSTS.items():
            _start(name, network, address, RIGHTS)
        lines = [_admit(name, folder) for name in ("bastion", *HOSTS)]
        (folder / "known_hosts").write_text("".join(lines))
        yield _ssh_config(folder)
    finally:
        if not os.environ.get("SCANOPS_KEEP_HOSTS"):
            clear()


def _start(name: str, network: str, address: str, rights: list[str]) -> None:
    call("docker", "run", "-d", "--name", f"scanops-test-{name}", "--hostname", name, "--network", network,
         "--ip", address, *rights, IMAGE)  # fmt: skip


def _admit(name: str, folder: Path) -> str:
    """Let the key in; return the host's own as a line of known_hosts: nobody learns it on the way."""
    public = (folder / "id.pub").read_text()
    write(name, "/home/ops/.ssh/authorized_keys", public)
    deadline = time.monotonic() + 120
    # Its engine starts before SSH does: until then there is nobody to be told of other settings.
    while not inside(name, "ss", "-Hltn", "sport = :22", check=False):
        assert time.monotonic() < deadline, f"{name}: SSH does not listen"
        time.sleep(0.2)
    key = inside(name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    if name.startswith("rack"):
        # An internal network still leads to this machine. And racks take logins from the bastion alone.
        inside(name, "ip", "route", "del", "default")
        write(name, "/etc/ssh/sshd_config.d/bastion.conf", f"AllowUsers ops@{BASTION}\n")
        inside(name, "pkill", "-HUP", "-o", "sshd")
    address = "10.213.2.2" if name == "bastion" else HOSTS[name][1]
    return f"{address} {' '.join(key.split()[:2])}\n"


def _ssh_config(folder: Path) -> Path:
    path = folder / "ssh_config"
    path.write_text(
        f"""Host 10.213.1.*
    ProxyJump bastion
Host bastion
    HostName 10.213.2.2
Host *
    User ops
    IdentityFile {folder}/id
    IdentitiesOnly yes
    StrictHostKeyChecking yes
    HostKeyAlgorithms ssh-ed25519
    UserKnownHostsFile {folder}/known_hosts
"""
    )
    return path


def inside(name: str, *command: str, check: bool = True) -> str:
    """Run a command on a host, past SSH."""
    return call("docker", "exec", f"scanops-test-{name}", *command, check=check)


def write(name: str, path: str, text: str) -> None:
    """Write a file on a host, past SSH."""
    inside(name, "sh", "-c", f"cat > {path} <<'END'\n{text}\nEND")


@contextmanager
def frozen(name: str) -> Iterator[None]:
    """Let a host neither answer nor close anything for the length of a block."""
    call("docker", "pause", f"scanops-test-{name}")
    try:
        yield
    finally:
        call("docker", "unpause", f"scanops-test-{name}", check=False)


def kill(name: str) -> None:
    """Let a host die at once, as when its power goes."""
    call("docker", "kill", f"scanops-test-{name}")


def revive(name: str) -> None:
    """Start a host that died; wait until its engine answers and SSH is there."""
    call("docker", "start", f"scanops-test-{name}")
    if name.startswith("rack"):
        inside(name, "ip", "route", "del", "default", check=False)
    wait_port(f"{HOSTS[name][1]}:443")
    deadline = time.monotonic() + 60
    while "running" not in inside(name, "docker", "ps", "--format", "{{.State}}", check=False):
        assert time.monotonic() < deadline, f"{name}: nothing runs after its start"
        time.sleep(0.3)


@contextmanager
def without_ssh(name: str) -> Iterator[None]:
    """Let SSH to a host fall silent, in the middle of whatever goes on, for the length of a block."""
    chain = "add chain inet outage input { type filter hook input priority -1 ; }"
    inside(name, "nft", f"add table inet outage; {chain}; add rule inet outage input tcp dport 22 drop")
    try:
        yield
    finally:
        inside(name, "nft", "delete table inet outage", check=False)


def clear() -> None:
    """Remove what an earlier run may have left."""
    for name in ("bastion", *{**ALL_HOSTS, **HOSTS}):
        call("docker", "rm", "-f", "-v", f"scanops-test-{name}", check=False)
    for network in (ONPREM, CLOUD):
        with contextlib.suppress(AssertionError):
            call("docker", "network", "rm", network)
