"""Run the pipeline as automation does: with the shared cache, and with no image that only this machine lacks.

What SCANOPS_REMOTE has is fetched, not made. Exit codes as `make repro`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pipelines import entry_point
from pipelines.repro import GATE
from scanops import config
from scanops.evaluation import gate
from scanops.release import cache_remote, reproduce


def main() -> None:
    """Ask the remote, run DVC, and say how it went."""
    parser = entry_point.parser(__doc__)
    parser.add_argument("--fetch", choices=("anew",), help="look at the source of the data again")
    args = parser.parse_args()
    config.load(args.params)
    if cache_remote.configure(Path.cwd(), os.environ):
        cache_remote.require_answer(Path.cwd())
        pull = ["--pull"]
    else:
        print(f"retrain: no shared cache ({cache_remote.VARIABLE} is not set)")
        pull = []
    # DVC cannot see that a source has other data: only running the stage again tells.
    anew = [["dvc", "repro", "--single-item", "--force", "pull"]] if args.fetch else []
    for command in [*anew, ["dvc", "repro", *pull]]:
        code = reproduce.run(command)
        if code:
            sys.exit(code)
    print(gate.table(json.loads(GATE.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    entry_point.run(main)
