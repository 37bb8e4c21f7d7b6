"""Publish a run in the one safe order: image, cache, pull request; the candidate last, when all have arrived.

Ends at the first step that fails, with its exit code. Running again goes on from there. Where the run left
nothing that the commit does not hold, at most the candidate is named again.
"""

from __future__ import annotations

import os
from pathlib import Path

from pipelines import entry_point
from scanops.release import lock_branch, reproduce

# Where this machine noted what it pushed.
PUSHED = Path("reports/push.json")
CANDIDATE = ("promote", "TO=candidate")
STEPS: tuple[tuple[str, ...], ...] = (("push",), ("push-cache",), ("propose",), CANDIDATE)


def main() -> None:
    """Call the steps by the words that people use."""
    entry_point.parser(__doc__).parse_args()
    root = Path.cwd()
    os.environ |= lock_branch.author(root)
    steps = STEPS
    if not lock_branch.differs(root):
        print("publish: nothing changed: the image, the cache and the lock are there")
        steps = (CANDIDATE,) if PUSHED.exists() else ()
    for step in steps:
        print(f"publish: make {' '.join(step)}", flush=True)
        code = reproduce.run(["make", "--no-print-directory", *step])
        if code:
            entry_point.leave(code)


if __name__ == "__main__":
    entry_point.run(main)
