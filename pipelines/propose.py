"""Put dvc.lock, metrics and reports on a branch, and open or update one pull request for it.

Exit code 3 where the gate did not pass, or where the branch `main` has other code by now.
"""

from __future__ import annotations

import os
from pathlib import Path

from pipelines import entry_point
from scanops import reports
from scanops.errors import VerdictError
from scanops.release import commit, lock_branch
from scanops.release.forge import Forge


def main() -> None:
    """Push the branch first, then speak of it; both twice do nothing new."""
    args = entry_point.arguments(
        __doc__, gate="the gate's report", summary="the page that `make report` wrote: the request's text"
    )
    root = Path.cwd()
    judged = reports.read(args.gate)
    if judged.get("verdict") != "pass":
        raise VerdictError(str(args.gate), "does not say pass, so nothing is proposed", "See its checks")
    forge = Forge.find(root, os.environ)
    if not lock_branch.differs(root):
        print("propose: the lock and the reports are those of this commit; nothing to propose")
        return
    title = f"chore: retrained: bundle {str(judged['bundle_sha256'])[:12]} from {commit.name(root)[:12]}"
    made = lock_branch.push(root, os.environ.get("SCANOPS_GIT_REMOTE", "origin"), title)
    body = args.summary.read_text(encoding="utf-8")
    posted = forge.propose(lock_branch.BRANCH, lock_branch.BASE, title, body)
    told = "opened" if posted.fresh else "updated"
    print(f"propose: {lock_branch.BRANCH} is {made[:12]}; {told} {posted.url}")


if __name__ == "__main__":
    entry_point.run(main)
