"""The workflows of GitHub Actions, run by `act` against real parts: what each kind of push leaves behind.

The scenarios are one story on one site, in order: each goes on from what the one before left.
"""

from __future__ import annotations

import json

import pytest

from tests.automation import act
from tests.automation.ended import Ended
from tests.automation.site import Site
from tests.retrained import git

pytestmark = [pytest.mark.automation, pytest.mark.xdist_group("automation")]
ALL = ["pull", "validate", "split", "train", "export", "evaluate", "gate", "image"]


def retrain(site: Site, sha: str, **options: object) -> Ended:
    """Run what a push to main starts."""
    site.check_out(sha)
    payload = {"ref": "refs/heads/main", "after": sha}
    return act.run(site, "push", "retrain/retrain", payload, **options)


def test_a_good_push_becomes_a_candidate_and_a_pull_request(site: Site) -> None:
    """Retrained, judged, pushed, remembered, proposed; the candidate is what the registry holds."""
    sha = git(site.desk, "rev-parse", "HEAD")
    ended = retrain(site, sha)
    assert ended.passed, ended.out[-6000:]
    assert ended.stages == ALL
    (entry,) = site.ledger()
    assert (entry.stage, entry.release.git_sha) == ("candidate", sha)
    assert entry.release.digest.removeprefix("sha256:") in site.digests()
    (pull,) = site.forge.pulls
    assert (pull["head"], pull["base"]) == ("retrain/main", "main")
    locked = git(site.origin, "show", "retrain/main:reports/gate.json")
    assert json.loads(locked)["bundle_sha256"] == entry.release.bundle_sha256
