"""Ask an advisory service whether a locked distribution has a known vulnerability; nothing is installed.

PyPI is asked, then OSV; SCANOPS_OSV_URL names a service of your own. Exit code 3: one has; 4: no answer.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pipelines import entry_point
from scanops.errors import VerdictError
from scanops.release import audit


def main() -> None:
    """Audit each lock file, then judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("requirements", type=Path, nargs="+", help="lock files with hashes")
    asked = audit.services(os.environ.get("SCANOPS_OSV_URL", ""))
    known: dict[str, None] = {}
    for requirements in parser.parse_args().requirements:
        findings, count, service = audit.audit(requirements, asked)
        print(
            f"{requirements}: {count} distributions, {len(findings)} known vulnerabilities ({service})",
            flush=True,
        )
        known |= dict.fromkeys(map(str, findings))
    if known:
        raise VerdictError("locked distributions", "; ".join(known), "Take fixed versions: `make lock`")


if __name__ == "__main__":
    entry_point.run(main)
