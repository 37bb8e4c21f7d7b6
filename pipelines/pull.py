"""Fetch or draw the raw images that `dataset` names.

SCANOPS_MIRROR names a folder of archives that is looked in first; SCANOPS_CACHE one that keeps
downloads (by default scanops in XDG_CACHE_HOME, or in ~/.cache).
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from pipelines import entry_point
from scanops import config
from scanops.atomic import replacing, write_json
from scanops.data import layout, sources
from scanops.errors import OutsideError


def main() -> None:
    """Run the stage."""
    paths = entry_point.arguments(
        __doc__,
        raw="folder to fill with images",
        report="JSON report to write: where they came from",
    )
    params = config.load(paths.params)
    mirror = os.environ.get("SCANOPS_MIRROR")
    if mirror and not Path(mirror).is_dir():
        raise OutsideError(f"SCANOPS_MIRROR {mirror}", "is not a folder", "Correct it, or unset it")
    with replacing(paths.raw) as folder:
        pulled = sources.fetch(
            params.source,
            folder,
            mirror=Path(mirror) if mirror else None,
            cache=entry_point.cache_folder(),
            strip_metadata=params.pull.strip_metadata,
        )
        # Better to say now that there are no classes than to leave a folder that no stage can use.
        layout.require_classes(layout.classify(layout.find(folder)))
        # Within the block: when the report cannot be written, no folder stays without one.
        write_json(paths.report, {"source": params.dataset, **asdict(pulled)})
    stripped = f", {pulled.stripped} stripped" if params.pull.strip_metadata else ""
    print(f"pull: {pulled.files} files{stripped}, {pulled.bytes / 1e6:.1f} MB from {pulled.origin}")


if __name__ == "__main__":
    entry_point.run(main)
