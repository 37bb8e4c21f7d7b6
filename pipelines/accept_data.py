"""Take the validated data as the accepted version: later ones are compared with them.

Writes the profile of the last validation into the reference; commit that file. Exit code 3 when the
data failed validation.
"""

from __future__ import annotations

from pipelines import entry_point
from scanops import config, reports
from scanops.quality import reference


def main() -> None:
    """Write the profile of the current data set."""
    paths = entry_point.arguments(
        __doc__,
        validation="the report on the data",
        reference="JSON file of accepted profiles to change",
    )
    dataset = config.load(paths.params).dataset
    profile = reference.accept(paths.reference, dataset, reports.read(paths.validation))
    print(
        f"accept-data: {dataset} with {profile.images} images in {len(profile.classes)} classes; "
        f"commit {paths.reference}"
    )


if __name__ == "__main__":
    entry_point.run(main)
