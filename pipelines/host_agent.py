"""Pack the command that runs on hosts into one file, for the role model_service; print its SHA-256."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines import entry_point
from scanops.digest import hash_file
from scanops.release import host_agent


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    out = parser.parse_args().out
    host_agent.pack(Path.cwd(), out)
    print(hash_file(out))


if __name__ == "__main__":
    entry_point.run(main)
