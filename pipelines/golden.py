"""Pack test images with their recorded answers into one file, by which hosts check a version."""

from __future__ import annotations

from pipelines import entry_point
from scanops import config
from scanops.bundle import bundle as bundles
from scanops.release import cases, golden


def main() -> None:
    """Choose as the smoke test does, and write the file."""
    args = entry_point.arguments(
        __doc__,
        bundle="the bundle's folder",
        splits="the splits",
        raw="the folder of images",
        predictions="what `evaluate` answered for the test split",
        out="the file to write",
    )
    count = config.load(args.params).image.smoke_images
    chosen = cases.choose(args.splits, args.predictions, args.raw, count)
    golden.write(chosen, bundles.hash_bundle(args.bundle), args.out)
    print(f"golden: {len(chosen)} images in {args.out}")


if __name__ == "__main__":
    entry_point.run(main)
