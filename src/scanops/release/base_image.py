"""The image that ours stands on: pulled, or made from Debian packages where no registry can be reached."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scanops.errors import OutsideError
from scanops.release import engine_setup
from scanops.release.engine import Engine, EngineError, last_lines, programs

PULL_TIMEOUT_S = 120
PYTHONS = ((3, 11), (3, 14))  # pyproject's requires-python: from the first, below the second
# python3 for the service, libstdc++6 for ONNX Runtime; the third keeps perl out of Debian 12's essentials.
PACKAGES = ("python3", "libstdc++6", "usr-is-merged")
# What no running service reads. Licences stay, and so does dpkg's list, which scanners of images read.
UNUSED = re.compile(
    r"usr/share/(?:man|info|locale|lintian|bug|bash-completion|gcc|gdb|perl5?)/."
    r"|usr/share/doc/(?!.*copyright$).*[^/]$"
    r"|usr/lib/[^/]+/(?:gconv|perl5?|perl-base)/."
    r"|usr/lib/python3[^/]*/(?:test|idlelib|lib2to3|pydoc_data|turtledemo|ensurepip)/."
    r"|usr/bin/perl[^/]*$"
    r"|usr/lib/python3.*/__pycache__|usr/share/python3.*/__pycache__"
    r"|(?:etc/apt|var/lib/apt|var/cache|var/log)/."
)


@dataclass(frozen=True)
class Base:
    """A base image that is here.

    Attributes:
        reference: Its name in the engine.
        python: Version of the `python3` in it: major, minor.
        origin: `present`, `pulled`, `built` from packages, or `reused` from an earlier build.
    """

    reference: str
    python: tuple[int, int]
    origin: str


def ensure(engine: Engine, reference: str) -> Base:
    """Have a base image: the one here, else the registry's, else one made from packages.

    Args:
        engine: Where to.
        reference: The image to pull.

    Returns:
        The base.

    Raises:
        OutsideError: It cannot be pulled, and cannot be made on this machine.
    """
    if engine.has_image(reference):
        return _describe(engine, reference, "present")
    own = _own_name() if engine_setup.is_debian() else None
    if own and engine.has_image(own):
        remove = f"`{engine.name} image rm {own}`"
        _tell(f"base image: {own}, made earlier, stands in for {reference} ({remove} to try that again)")
        return _describe(engine, own, "reused")
    try:
        engine.pull(reference, PULL_TIMEOUT_S)
    except EngineError as error:
        if own is None:
            remedy = "Reach its registry, `docker load` it from a file, or set image.base to one in reach"
            raise OutsideError(f"base image {reference}", error.fault, remedy) from error
        _tell(f"base image: {reference} cannot be pulled; making {own} from Debian packages")
        _make(engine, own)
        return _describe(engine, own, "built")
    return _describe(engine, reference, "pulled")


def trim(source: Path, target: Path) -> None:
    """Copy a tar of a root file system without what a service never reads, with fixed timestamps.

    Set-user-id bits go as well: nothing in the image has a reason to become root.

    Args:
        source: A tar file.
        target: The tar file to write.
    """
    with tarfile.open(source) as full, tarfile.open(target, "w") as slim:
        for member in full:
            if UNUSED.match(member.name.removeprefix("./")):
                continue
            member.mtime = 0
            member.pax_headers = {}
            if member.isfile():
                member.mode &= 0o1777
            # Closed by name: Python drops whatever is raised, Ctrl-C too, while it collects a file.
            with (
                full.extractfile(member) if member.isreg() else None
            ) or contextlib.nullcontext() as content:
                slim.addfile(member, content)


def _make(engine: Engine, name: str) -> None:
    builder = next(programs("mmdebstrap", os.environ), None)
    if builder is None:
        if os.geteuid() != 0:
            raise OutsideError("mmdebstrap", "is not installed", "Run `apt-get install mmdebstrap` as root")
        _tell("installing mmdebstrap")
        engine_setup.install("mmdebstrap")
        builder = "mmdebstrap"
    with tempfile.TemporaryDirectory(prefix="scanops-base-") as folder:
        full, slim = Path(folder, "full.tar"), Path(folder, "slim.tar")
        command = [builder, "--quiet", "--variant=essential", f"--include={','.join(PACKAGES)}"]
        command += [*_proxies(), _os_release("VERSION_CODENAME"), str(full), *_mirrors()]
        done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
        if done.returncode:
            remedy = "Check the package sources in /etc/apt, or `docker load` a base from a file"
            raise OutsideError("mmdebstrap", f"failed: {last_lines(done.stderr)}", remedy)
        trim(full, slim)
        engine.import_root(slim, name, "Debian packages, trimmed")


def _mirrors(apt: Path = Path("/etc/apt")) -> Iterable[str]:
    # The host's own sources of the distribution: behind a firewall they are the only ones in reach.
    names = ("sources.list", "sources.list.d/debian.sources", "sources.list.d/ubuntu.sources")
    found = [apt / name for name in names]
    return [str(path) for path in found if path.is_file() and path.stat().st_size]


def _proxies() -> list[str]:
    options = []
    for scheme in ("http", "https"):
        key = f"Acquire::{scheme}::Proxy"
        asked = ["apt-config", "shell", "value", key]
        done = subprocess.run(asked, check=False, capture_output=True, text=True)
        if value := done.stdout.strip().removeprefix("value=").strip("'"):
            options.append(f'--aptopt={key} "{value}"')
    return options


def _own_name() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return f"scanops-base:{_os_release('VERSION_CODENAME')}-{machine}"


def _os_release(key: str, path: Path = Path("/etc/os-release")) -> str:
    match = re.search(rf'^{key}="?([\w.-]+)"?$', path.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise OutsideError(str(path), f"names no {key}", "Pull the base image, or `docker load` it")
    return match.group(1)


def _describe(engine: Engine, reference: str, origin: str) -> Base:
    code = "import sys; print(*sys.version_info[:2])"
    try:
        major, minor = engine.run_once(reference, "python3", "-c", code).split()
    except (EngineError, ValueError) as error:
        fault = f"runs no python3 ({error})"
        raise OutsideError(
            f"base image {reference}", fault, "Set image.base to one that has Python"
        ) from error
    python = (int(major), int(minor))
    if not PYTHONS[0] <= python < PYTHONS[1]:
        fault = f"holds Python {major}.{minor}"
        raise OutsideError(f"base image {reference}", fault, "Set image.base to one with Python 3.11 to 3.13")
    return Base(reference, python, origin)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
