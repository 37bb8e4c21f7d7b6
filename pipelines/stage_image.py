"""Take the image of a digest out of an OCI archive, blob by blob; print what it consists of."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pipelines import entry_point
from scanops.release import image_archive


def main() -> None:
    """Check and unpack; the plan goes to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", type=Path, required=True, metavar="FILE")
    parser.add_argument("--digest", required=True, metavar="sha256:…")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    print(json.dumps(image_archive.stage(args.archive, args.digest, args.out)))


if __name__ == "__main__":
    entry_point.run(main)
