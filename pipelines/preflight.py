"""Say at once all that automation lacks: what is not set (exit code 2), what does not answer (4)."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines import entry_point
from scanops.release import preflight


def main() -> None:
    """List what is missing, or what is there."""
    parser = entry_point.parser(__doc__)
    parser.add_argument(
        "purpose", choices=list(preflight.NEEDED), help="what is to be done: each needs other parts"
    )
    args = parser.parse_args()
    found = preflight.require(args.purpose, Path.cwd(), os.environ)
    print(f"preflight: ready to {args.purpose}: {', '.join(found)}")


if __name__ == "__main__":
    entry_point.run(main)
