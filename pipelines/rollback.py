"""Roll staging or production back to what was there before, by the ledger. Exit code 3 if nothing was."""

from __future__ import annotations

from pathlib import Path

from pipelines import entry_point
from scanops import config
from scanops.errors import VerdictError
from scanops.release import ledger
from scanops.release.desk import Desk, Move, require_image
from scanops.release.ledger_branch import LedgerBranch


def main() -> None:
    """Record the rollback; hosts follow by the digest."""
    parser = entry_point.parser(__doc__)
    parser.add_argument("--to", required=True, choices=tuple(ledger.ORIGIN), help="which stage")
    parser.add_argument("--reason", metavar="TEXT", help="why, for the ledger")
    args = parser.parse_args()
    params = config.load(args.params)
    desk = Desk(LedgerBranch.find(Path.cwd()), params.tracking)
    held = desk.read()
    earlier = ledger.before(held.entries, args.to)
    if earlier is None:
        raise VerdictError(f"stage {args.to}", "has nothing to go back to", "Look at `make history`")
    require_image(earlier)
    fields = {
        "action": "rollback",
        "origin": None,
        "stage": args.to,
        "release": earlier,
        "reason": args.reason,
    }
    entry = desk.record(held, Move(fields))
    print(f"rollback: {args.to} is {earlier.told}, {earlier.reference}, entry {entry.number}")


if __name__ == "__main__":
    entry_point.run(main)
