"""Ask an advisory service about the locked distributions, through pip-audit. No answer is no pass."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanops.errors import ConfigError, OutsideError
from scanops.release.engine import last_lines

TIMEOUT_S = 15  # of one request


@dataclass(frozen=True)
class Service:
    """Who knows of vulnerabilities.

    Attributes:
        name: What to call it in a message.
        options: Arguments of pip-audit that select it.
    """

    name: str
    options: tuple[str, ...]


PUBLIC = (Service("PyPI", ("-s", "pypi")), Service("OSV", ("-s", "osv")))


@dataclass(frozen=True)
class Finding:
    """One known vulnerability of a locked distribution.

    Attributes:
        distribution: Name and version.
        identifiers: Of the advisory, the service's own first.
        fixed_in: Versions without it; empty where there is none.
    """

    distribution: str
    identifiers: tuple[str, ...]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in a line."""
        remedy = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "not fixed yet"
        return f"{self.distribution}: {', '.join(self.identifiers)}, {remedy}"


def services(osv_url: str) -> Sequence[Service]:
    """Say who is asked, in turn, until one answers for everything.

    Args:
        osv_url: Query address of a service that speaks OSV's protocol; empty for the public ones.
    """
    return (Service(osv_url, ("-s", "osv", "--osv-url", osv_url)),) if osv_url else PUBLIC


def audit(requirements: Path, asked: Sequence[Service]) -> tuple[list[Finding], int, str]:
    """Ask about everything in a lock file.

    Args:
        requirements: A lock file with hashes.
        asked: Whom.

    Returns:
        What is known against it, how many distributions were asked about, and who answered.

    Raises:
        ConfigError: The lock file cannot be read.
        OutsideError: Nobody answered for all of it.
    """
    if not requirements.is_file():
        raise ConfigError(str(requirements), "is not a file", "Name a lock file, or make it with `make lock`")
    refusals = []
    for service in asked:
        try:
            findings, count = _ask(requirements, service)
        except OutsideError as error:
            refusals.append(f"{service.name}: {error.fault}")
            continue
        return findings, count, service.name
    remedy = "Reach one of them, or set SCANOPS_OSV_URL to a service of your own that speaks OSV's protocol"
    raise OutsideError("advisory service", f"does not answer ({'; '.join(refusals)})", remedy)


def parse(report: dict[str, Any]) -> tuple[list[Finding], int]:
    """Read pip-audit's report.

    Args:
        report: Its JSON.

    Returns:
        What was found, and how many distributions were asked about.

    Raises:
        OutsideError: The service did not know one of them. pip-audit skips these and ends well, even
            where the service knew none at all.
    """
    entries = report["dependencies"]
    skipped = [entry["name"] for entry in entries if "skip_reason" in entry]
    if skipped or not entries:
        some = f"{len(skipped)} of {len(entries)} distributions ({', '.join(skipped[:3])})"
        raise OutsideError("advisory service", f"knows nothing of {some}", "Ask another")
    findings = [
        Finding(
            f"{entry['name']} {entry['version']}",
            (fault["id"], *fault["aliases"]),
            tuple(fault["fix_versions"]),
        )
        for entry in entries
        for fault in entry["vulns"]
    ]
    return findings, len(entries)


def _ask(requirements: Path, service: Service) -> tuple[list[Finding], int]:
    # Nothing is installed or resolved: the lock file is complete.
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json"]
    command += ["--progress-spinner", "off", "--timeout", str(TIMEOUT_S), "--requirement", str(requirements)]
    done = subprocess.run([*command, *service.options], check=False, capture_output=True, text=True)
    try:
        return parse(json.loads(done.stdout))
    except ValueError as error:  # it ends with 1 for a vulnerability and for a fault; only one has a report
        raise OutsideError(service.name, last_lines(done.stderr, 1), "Ask another") from error
