"""Print the image that a stage holds, by its digest: what is to be deployed there. Exit code 2 if none is."""

from __future__ import annotations

from pathlib import Path

from pipelines import entry_point
from scanops.errors import ConfigError
from scanops.release import ledger
from scanops.release.ledger_branch import LedgerBranch


def main() -> None:
    """Print one line, `host/name@sha256:…`, or the whole entry."""
    parser = entry_point.parser(__doc__)
    parser.add_argument("--environment", required=True, choices=ledger.STAGES, help="which stage")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print the ledger's entry instead")
    shown.add_argument("--bundle", action="store_true", help="print the hash of its bundle behind it")
    args = parser.parse_args()
    entry = ledger.at(LedgerBranch.find(Path.cwd()).read().entries, args.environment)
    if entry is None:
        remedy = f"Promote something: `make promote TO={args.environment}`"
        raise ConfigError(f"stage {args.environment}", "holds nothing yet", remedy)
    behind = f" {entry.release.bundle_sha256}" if args.bundle else ""
    told = f"{entry.release.reference}{behind}"
    print(entry.model_dump_json(by_alias=True, indent=2) if args.json else told)


if __name__ == "__main__":
    entry_point.run(main)
