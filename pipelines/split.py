"""Divide the usable images into train, val and test by the content of their groups."""

from __future__ import annotations

from pipelines import entry_point
from scanops import config, reports
from scanops.atomic import write_json
from scanops.data import manifest, splits


def main() -> None:
    """Run the stage."""
    paths = entry_point.arguments(
        __doc__,
        manifest="Parquet file of the validate stage",
        validation="JSON report of the validate stage, whose warnings are passed on",
        splits="Parquet file to write, one row a usable image",
        report="JSON report to write",
    )
    rules = config.load(paths.params).split
    warnings = reports.warnings(reports.read(paths.validation))
    divided = splits.divide(manifest.read(paths.manifest), rules)
    summary = splits.summarise(divided, warnings)
    splits.write(divided, paths.splits)
    write_json(paths.report, summary)
    sizes = ", ".join(f"{part} {summary['splits'][part]['pictures']}" for part in splits.PARTS)
    print(f"split: {sizes} pictures in {summary['groups']} groups, none in two parts")


if __name__ == "__main__":
    entry_point.run(main)
