"""Push DVC's cache, with what it remembers of runs, to the remote that SCANOPS_REMOTE names."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines import entry_point
from scanops.release import cache_remote


def main() -> None:
    """Push it; what is there already is not sent again."""
    entry_point.parser(__doc__).parse_args()
    cache_remote.configure(Path.cwd(), os.environ)
    cache_remote.push(Path.cwd())


if __name__ == "__main__":
    entry_point.run(main)
