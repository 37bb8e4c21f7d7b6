"""Find the container engine, or install and start docker.io as root on Debian or Ubuntu, saying so.

SCANOPS_ENGINE=docker or podman selects one, none declines. Exit code 4 when there is none to be had.
"""

from __future__ import annotations

import argparse

from pipelines import entry_point
from scanops.release import engine_setup


def main() -> None:
    """Say which engine answers."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    engine = engine_setup.find()
    print(f"engine: {engine.name} {engine.version}")


if __name__ == "__main__":
    entry_point.run(main)
