"""Fetch what dvc.lock names from SCANOPS_REMOTE, for whatever needs the data of the last run."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines import entry_point
from scanops.release import cache_remote


def main() -> None:
    """Fetch it; what is here already is not fetched again."""
    entry_point.parser(__doc__).parse_args()
    cache_remote.configure(Path.cwd(), os.environ)
    cache_remote.pull(Path.cwd())


if __name__ == "__main__":
    entry_point.run(main)
