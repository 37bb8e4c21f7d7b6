"""What goes into the image: the service's libraries, the sources it imports, and the bundle."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from scanops.bundle import bundle as bundles
from scanops.errors import OutsideError
from scanops.release import distributions, licences, sbom
from scanops.release.base_contents import Contents
from scanops.release.distributions import Distribution
from scanops.release.engine import last_lines

ENTRIES = ("scanops.serving.__main__", "scanops.serving.batch")
# Data that the service reads beside its code.
DATA = ("src/scanops/serving/web",)
LIBRARIES = "/opt/scanops/lib"  # where the Dockerfile puts them
GLIBC_MINOR = 36  # Debian 12; wheels built for this or any older C library run there


def source_files(
    root: Path, entries: Sequence[str] = ENTRIES, places: Sequence[str] = ("src",)
) -> list[Path]:
    """Follow modules' imports through the project.

    Args:
        root: The project's folder.
        entries: The modules' full names.
        places: Where its packages are, relative to the root.

    Returns:
        The files of all its own modules that it can import, packages included, sorted.
    """
    seen: dict[str, Path] = {}
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        path = _module_file([root / place for place in places], name)
        if name in seen or path is None:
            continue
        seen[name] = path
        waiting.append(name.rpartition(".")[0])
        waiting.extend(_imports(path, name))
    return sorted(set(seen.values()))


def data_files(root: Path) -> list[Path]:
    """Return the files that the service reads beside its code, sorted."""
    return sorted(path for folder in DATA for path in (root / folder).rglob("*") if path.is_file())


def assemble(root: Path, context: Path, bundle: Path, base: Contents, version: str) -> None:
    """Fill a build context: after this, the build needs neither network nor certificates.

    Args:
        root: The project's folder.
        context: An empty folder.
        bundle: The bundle's folder.
        base: What the base image holds.
        version: Of ScanOps, for the bill of materials.

    Raises:
        OutsideError: The libraries cannot be fetched.
    """
    shutil.copy(root / "docker" / "Dockerfile", context / "Dockerfile")
    for path in [*source_files(root), *data_files(root)]:
        copy(path, context / path.relative_to(root))
    for path in sorted(bundle.iterdir()):
        if path.is_file():
            copy(path, context / "bundle" / path.name)
    fetch_libraries(root / "requirements" / "serve.txt", context / "lib", base.python_minor)
    found = distributions.read(context / "lib")
    tell_contents(context, found, base, bundles.hash_bundle(bundle), version)


def tell_contents(
    context: Path, found: Sequence[Distribution], base: Contents, bundle_sha256: str, version: str
) -> None:
    """Write the bill of materials and the list of licences, from what is about to go into the image.

    Args:
        context: Where to.
        found: The Python distributions of the image, in the order in which they are listed.
        base: What the base image holds.
        bundle_sha256: The bundle in the image.
        version: Of ScanOps.
    """
    bill = sbom.write(found, base, bundle_sha256, version)
    (context / sbom.NAME).write_text(bill, encoding="utf-8")
    (context / licences.NAME).write_text(licences.write(found, base, LIBRARIES), encoding="utf-8")


def fetch_libraries(requirements: Path, target: Path, python: tuple[int, int]) -> None:
    """Unpack the locked wheels for the image's Python, whatever Python runs this.

    pip's own settings hold (index, proxy, certificates, PIP_FIND_LINKS for a folder of wheels).

    Args:
        requirements: A lock file with hashes.
        target: Folder to fill.
        python: Major, minor.

    Raises:
        OutsideError: A wheel cannot be had.
    """
    # Without --only-binary a source package could run code here; hashes tie each wheel to the lock.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--no-compile"]
    command += ["--disable-pip-version-check", "--require-hashes", "--only-binary=:all:"]
    command += ["--target", str(target), "--implementation", "cp", "--requirement", str(requirements)]
    command += ["--python-version", ".".join(map(str, python))]
    for platform in _platforms(os.uname().machine):
        command += ["--platform", platform]
    # pip takes the user's constraints and targets from the environment too; only the lock decides here.
    env = {k: v for k, v in os.environ.items() if k not in ("PIP_TARGET", "PIP_CONSTRAINT", "PIP_USER")}
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace", env=env)
    if done.returncode:
        remedy = "Reach a package index, or set PIP_FIND_LINKS to a folder that has the wheels"
        raise OutsideError("libraries for the image", f"cannot be had: {last_lines(done.stderr)}", remedy)


def _platforms(machine: str) -> list[str]:
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_MINOR, 16, -1)]
    return [*tags, f"manylinux2014_{machine}"]


def _imports(path: Path, module: str) -> Iterator[str]:
    """Yield the names that a file imports; some may be members of a module, not modules."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                parent = ".".join([*above, *filter(None, [node.module])])
            yield parent
            yield from (f"{parent}.{alias.name}" for alias in node.names)


def _module_file(places: Sequence[Path], name: str) -> Path | None:
    if not name:
        return None
    for place in places:
        path = place.joinpath(*name.split("."))
        for candidate in (path / "__init__.py", path.with_suffix(".py")):
            if candidate.is_file():
                return candidate
    return None


def copy(source: Path, target: Path) -> None:
    """Copy a file into a build context, readable for everybody."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o644)
