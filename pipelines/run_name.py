"""Name the run of a playbook that calls this; or say by the exit code whether a named one is over (0)."""

from __future__ import annotations

import argparse

from pipelines import entry_point
from scanops.release import run_name


def main() -> None:
    """Print the name, or answer by the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--is-over", metavar="NAME")
    args = parser.parse_args()
    if args.is_over:
        entry_point.leave(0 if run_name.is_over(args.is_over) else 1)
    print(run_name.here())


if __name__ == "__main__":
    entry_point.run(main)
