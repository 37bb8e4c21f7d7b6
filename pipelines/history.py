"""Print the ledger, oldest entry first: what went where, when, by whom, and what was there before."""

from __future__ import annotations

from pathlib import Path

from pipelines import entry_point
from scanops.release import ledger
from scanops.release.ledger_branch import LedgerBranch

HEADER = "entry  when (UTC)        action    to          bundle        digest               version  who"


def main() -> None:
    """One line an entry."""
    parser = entry_point.parser(__doc__)
    parser.add_argument("--to", choices=ledger.STAGES, help="this stage alone")
    args = parser.parse_args()
    entries = LedgerBranch.find(Path.cwd()).read().entries
    shown = [entry for entry in entries if args.to in (None, entry.stage)]
    if not shown:
        print("history: the ledger is empty" if not entries else f"history: nothing has been in {args.to}")
        return
    print(HEADER)
    for entry in shown:
        release, verdict = entry.release, entry.challenge
        notes = [entry.who] + ([f"challenge: {verdict.verdict}"] if verdict else [])
        print(
            f"{entry.number:>5}  {entry.when:%Y-%m-%d %H:%M}  {entry.action:8}  {entry.stage:10}  "
            f"{release.bundle_sha256[:12]}  {release.digest[:19]}  {release.model_version:7}  "
            + "; ".join(notes + ([entry.reason] if entry.reason else []))
        )


if __name__ == "__main__":
    entry_point.run(main)
