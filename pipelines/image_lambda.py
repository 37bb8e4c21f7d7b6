"""Build the image for AWS Lambda on the tested image, and have it answer an event of API Gateway."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from pipelines import entry_point
from scanops import atomic
from scanops.release import engine_setup, lambda_image


def main() -> None:
    """Build, ask once, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--image", type=Path, default=Path("reports/image.json"), help="names the tested image"
    )
    parser.add_argument("--report", type=Path, required=True, help="where the report goes")
    args = parser.parse_args()
    built = lambda_image.build(engine_setup.find(), Path.cwd(), args.image)
    atomic.write_json(args.report, dataclasses.asdict(built))
    print(
        f"image: {built.reference} ({built.digest[7:19]}), {built.size_bytes / 1e6:.0f} MB, on the tested "
        f"image {built.image[7:19]}; it answers an event with bundle {built.bundle_sha256[:12]}"
    )


if __name__ == "__main__":
    entry_point.run(main)
