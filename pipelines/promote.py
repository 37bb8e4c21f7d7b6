"""Promote: what was pushed becomes the candidate, the candidate goes to staging, staging to production.

Only what the gate passed, whose hashes match the image's labels and which nothing newer has superseded can go
on; to staging and production it has to win the challenge against production. Exit code 3 with the reason
otherwise, and where somebody else was first. Twice is once.
"""

from __future__ import annotations

from pathlib import Path

from pipelines import entry_point, promote_run
from scanops import config
from scanops.release import ledger
from scanops.release.desk import Desk
from scanops.release.ledger_branch import LedgerBranch

PATHS = {
    "push": ("reports/push.json", "the report on what was pushed"),
    "image": ("reports/image.json", "the report on the image"),
    "gate": ("reports/gate.json", "the gate's report"),
    "validation": ("reports/validation.json", "the report on the data"),
    "metrics": ("reports/metrics.json", "the metrics of the bundle"),
    "card": ("reports/model_card.md", "the model card"),
    "lock": ("dvc.lock", "DVC's lock, kept where there is one"),
    "bundle": ("data/bundle", "the bundle's folder"),
    "raw": ("data/raw", "the folder of images, for the challenge"),
    "manifest": ("data/manifest.parquet", "the manifest"),
    "splits": ("data/splits.parquet", "the splits"),
    "report": ("reports/challenge.json", "where the challenge's report goes"),
}


def main() -> None:
    """Promote once, and say what holds now."""
    parser = entry_point.parser(__doc__)
    parser.add_argument("--to", required=True, choices=ledger.STAGES, help="where to")
    parser.add_argument("--ref", metavar="REF", help="what you mean to promote; refused if it is not next")
    parser.add_argument("--despite", metavar="REASON", help="promote although the challenge was not won")
    for name, (default, meaning) in PATHS.items():
        parser.add_argument(f"--{name}", type=Path, default=Path(default), metavar="PATH", help=meaning)
    args = parser.parse_args()
    params = config.load(args.params)
    desk = Desk(LedgerBranch.find(Path.cwd()), params.tracking)
    entry = promote_run.promote(desk, params, args)
    if entry is None:
        print(f"promote: {args.to} holds it already; nothing changed")
    else:
        print(f"promote: {args.to} is {entry.release.told}, {entry.release.reference}, entry {entry.number}")


if __name__ == "__main__":
    entry_point.run(main)
