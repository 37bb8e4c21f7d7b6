"""cleanvision's default checks, duplicates included, over one folder. Prints the seconds.

Run by the Python of cleanvision's own environment: it imports nothing of this project.
"""

from __future__ import annotations

import contextlib
import sys
import time

from cleanvision import Imagelab  # type: ignore[import-not-found]  # in an environment of its own


def main() -> None:
    """Check the folder of the first argument in as many processes as the second says."""
    with contextlib.redirect_stdout(sys.stderr):
        started = time.perf_counter()
        lab = Imagelab(data_path=sys.argv[1])
        lab.find_issues(n_jobs=int(sys.argv[2]), verbose=False)
        seconds = time.perf_counter() - started
    if not {"exact_duplicates", "near_duplicates"} <= set(lab.issue_summary["issue_type"]):
        sys.exit("the default checks hold no duplicates any more: choose them by name")
    print(seconds)


if __name__ == "__main__":
    main()
