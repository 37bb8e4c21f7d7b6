"""Trace a release both ways: where and when it ran, and what it leads back to, down to data and verdicts.

REF is an image's digest or engine id, a bundle's hash, a commit (7 digits or more of each), the number of a
version in the model registry, a stage, `stage@2026-11-17` or `stage@2026-11-17T09:30Z`.
"""

from __future__ import annotations

import json
from pathlib import Path

from pipelines import entry_point
from scanops.release import lineage
from scanops.release.git import Git
from scanops.release.ledger import Release
from scanops.release.ledger_branch import Ledger, LedgerBranch

PAPERS = ("validation.json", "gate.json")


def main() -> None:
    """Print each image that the reference means; needs the ledger alone."""
    parser = entry_point.parser(__doc__)
    parser.add_argument("ref", metavar="REF", help="what to trace")
    parser.add_argument("--json", action="store_true", help="for programs: a list")
    args = parser.parse_args()
    branch = LedgerBranch.find(Path.cwd())
    held = branch.read()
    found = [describe(branch, held, release) for release in lineage.find(held.entries, args.ref)]
    if args.json:
        print(json.dumps(found, indent=2))
        return
    git = Git(Path.cwd())
    print("\n\n".join(lineage.tell(one, git.subject(str(one["git_sha"]))) for one in found))


def describe(branch: LedgerBranch, held: Ledger, release: Release) -> dict[str, object]:
    """Put together what the ledger and its papers say of a release."""
    papers = {name: json.loads(branch.evidence(held, name, release.evidence[name])) for name in PAPERS}
    met = {
        entry.challenge.report_sha256
        for entry in held.entries
        if entry.release.digest == release.digest and entry.challenge and entry.challenge.report_sha256
    }
    papers["challenges"] = {one: json.loads(branch.evidence(held, "challenge.json", one)) for one in met}
    return lineage.describe(held.entries, release, papers)


if __name__ == "__main__":
    entry_point.run(main)
