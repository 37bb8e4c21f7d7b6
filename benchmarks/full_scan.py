"""The project's scan of one folder: every check, pixel hashes, all pairs. Prints its figures as JSON."""

from __future__ import annotations

import argparse
import json
import resource
import time
from contextlib import AbstractContextManager
from pathlib import Path

from tqdm import tqdm

from scanops import config
from scanops.data import layout
from scanops.data.gather import Bar, Means
from scanops.data.survey import survey


class _Bars:
    """Shows progress, and notes how much each piece of work had to do."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}

    def __call__(self, what: str, total: int) -> AbstractContextManager[Bar]:
        self.totals[what] = total
        return tqdm(total=total, unit="image", desc=what, disable=None, leave=False)


def main() -> None:
    """Scan the folder; with `--cache`, remember, and read only what is new."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="folder of remembered facts")
    options = parser.parse_args()
    rules, bars = config.load().validation, _Bars()
    started = time.perf_counter()
    placed = layout.classify(layout.find(options.folder)).placed
    frame = survey(options.folder, placed, rules, Means(options.workers, None, options.cache, bars))
    figures = {
        "seconds": time.perf_counter() - started,
        "images": len(frame),
        "files_read": bars.totals["scan"],
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "near_duplicates": sum("near_duplicate" in kinds for kinds in frame["defects"]),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
