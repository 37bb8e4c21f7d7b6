"""Pack the command that runs on hosts into one file, which the role model_service installs."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines import entry_point
from scanops.release import host_agent


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    host_agent.pack(Path.cwd(), parser.parse_args().out)


if __name__ == "__main__":
    entry_point.run(main)
