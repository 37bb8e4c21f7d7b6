"""Fetch what dvc.lock names from SCANOPS_REMOTE: what the last run made, or what a release was made from."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines import entry_point
from scanops.release import cache_remote, release_cache


def main() -> None:
    """Fetch it; what is here already is not fetched again."""
    parser = entry_point.parser(__doc__)
    parser.add_argument(
        "--release", metavar="REF", help="of this release, with the lock that the ledger keeps"
    )
    args = parser.parse_args()
    cache_remote.configure(Path.cwd(), os.environ)
    if args.release:
        print(f"pull-cache: {release_cache.fetch(Path.cwd(), args.release).told}")
    else:
        cache_remote.pull(Path.cwd())


if __name__ == "__main__":
    entry_point.run(main)
