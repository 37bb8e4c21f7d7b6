"""The workflows of GitHub Actions, run by `act` against real parts: what each kind of push leaves behind.

The scenarios are one story on one site, in order: each goes on from what the one before left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

import pytest

from pipelines.comment import MARKER
from scanops.release import ledger
from tests.automation import act
from tests.automation.ended import Ended
from tests.automation.site import Site
from tests.contract import ci_files
from tests.fake_forge import REPOSITORY, TOKEN
from tests.retrained import git

pytestmark = [pytest.mark.automation, pytest.mark.xdist_group("automation")]
ALL = ["pull", "validate", "split", "train", "export", "evaluate", "gate", "image"]


def retrain(site: Site, sha: str, watch: Mapping[str, Callable[[], object]] | None = None) -> Ended:
    """Run what a push to main starts."""
    site.check_out(sha)
    return act.run(site, "push", "retrain/retrain", {"ref": "refs/heads/main", "after": sha}, watch=watch)


def promote(site: Site, to: str, ref: str = "") -> Ended:
    """Run what a person starts by hand; the job that deploys needs hosts, which tests/deploy has."""
    site.check_out(git(site.origin, "rev-parse", "main"))
    payload = {"ref": "refs/heads/main", "inputs": {"to": to, "ref": ref}}
    return act.run(site, "workflow_dispatch", "promote/promote", payload)


def candidate(site: Site) -> ledger.Entry:
    """Tell what is the candidate."""
    entry = ledger.at(site.ledger(), "candidate")
    assert entry
    return entry


def test_a_good_push_becomes_a_candidate_and_a_pull_request(site: Site) -> None:
    """Retrained, judged, pushed, remembered, proposed; the candidate is what the registry holds."""
    sha = git(site.desk, "rev-parse", "HEAD")
    ended = retrain(site, sha)
    assert ended.passed, ended.out[-6000:]
    assert ended.stages == ALL
    (entry,) = site.ledger()
    assert (entry.stage, entry.release.git_sha) == ("candidate", sha)
    assert entry.who.startswith("Bea <")
    assert entry.release.digest.removeprefix("sha256:") in site.digests()
    (pull,) = site.forge.pulls
    assert (pull["head"], pull["base"]) == ("retrain/main", "main")
    locked = git(site.origin, "show", "retrain/main:reports/gate.json")
    assert json.loads(locked)["bundle_sha256"] == entry.release.bundle_sha256


def test_what_changes_nothing_runs_no_stage(site: Site) -> None:
    """A merged lock and docs start nothing; started anyway, no stage runs and nothing is published."""
    merged = site.merge("retrain/main")
    (site.desk / "README.md").write_text("# Another\n", encoding="utf-8")
    sha = site.push_all("docs: another")
    changed = git(site.desk, "diff", "--name-only", f"{merged}^1", sha).splitlines()
    assert {"dvc.lock", "README.md"} <= set(changed)
    flow = ci_files.workflow((site.desk / ".github/workflows/retrain.yml").read_text(encoding="utf-8"))
    assert not ci_files.touches(changed, flow["on"]["push"]["paths"])
    before = site.state()
    ended = retrain(site, sha)
    assert ended.passed, ended.out[-6000:]
    assert ended.stages == []
    assert "cache: restored dvc-Linux-" in ended.out
    assert "publish: nothing changed" in ended.out
    assert re.search(r"^\| accuracy \|.* \+0\.000 \|$", ended.out, re.MULTILINE)  # held against main
    assert site.state() == before


def test_a_registry_that_goes_away_leaves_nothing_half_published(site: Site) -> None:
    """A ceiling of the gate runs the gate and the image, which carries its report; then it is exit code 4."""
    sha = site.push("feat: another ceiling", gate__max_ece="0.95")
    before = site.state()
    ended = retrain(site, sha, {"Running stage 'image'": site.stop_registry})
    assert not ended.passed
    assert ended.stages == ["gate", "image"]
    assert ended.failed[-1] == ("publish", 4), ended.failed
    assert "does not take the image" in ended.out
    assert site.state() == before


def test_a_registry_that_is_away_starts_nothing(site: Site) -> None:
    """Preflight says so, and no stage runs."""
    before = site.state()
    ended = retrain(site, git(site.origin, "rev-parse", "main"))
    assert ended.failed[0] == ("preflight", 4)
    assert "does not answer" in ended.out
    assert (ended.stages, site.state()) == ([], before)


def test_the_same_again_goes_on(site: Site) -> None:
    """With the registry back the same commit becomes the candidate; nothing is trained anew."""
    site.start_registry()
    first = candidate(site).release
    ended = retrain(site, git(site.origin, "rev-parse", "main"))
    assert ended.passed, ended.out[-6000:]
    assert ended.stages == ["gate", "image"]
    now = candidate(site).release
    assert now.bundle_sha256 == first.bundle_sha256
    assert (now.digest != first.digest, now.gate_sha256 != first.gate_sha256) == (True, True)
    assert [pull["state"] for pull in site.forge.pulls] == ["closed", "open"]


def test_a_person_promotes_to_staging_and_production(site: Site) -> None:
    """What the gate passed goes on step by step, and not past staging."""
    site.merge("retrain/main")
    release = candidate(site).release
    early = promote(site, "production")
    assert early.failed == [("promote", 3)], early.out[-4000:]
    assert "stage staging: holds nothing yet" in early.out
    for stage in ("staging", "production"):
        ended = promote(site, stage)
        assert ended.passed, ended.out[-6000:]
        held = ledger.at(site.ledger(), stage)
        assert held
        assert (held.release.digest, held.who.split(" <")[0]) == (release.digest, "Bea")


def test_a_bad_model_is_refused_and_cannot_be_promoted(site: Site) -> None:
    """The project's own floors refuse a model of two epochs: only the gate runs, and nothing is pushed."""
    sha = site.push("feat: floors", gate__min_balanced_accuracy="0.8")
    before = site.state()
    ended = retrain(site, sha)
    assert ended.failed == [("retrain", 3)], ended.failed
    assert ended.stages == ["gate"]
    assert "is refused: balanced_accuracy short by" in ended.out
    assert site.state() == before
    asked = promote(site, "staging", sha)
    assert asked.failed == [("promote", 3)]
    assert f"REF={sha}: is not in the ledger" in asked.out
    assert site.state() == before


def test_bad_data_are_refused(site: Site) -> None:
    """A folder of damaged files fails validation: nothing is trained, nothing is pushed."""
    raw = site.folder / "raw"
    raw.mkdir()
    for number in range(80):
        label = raw / ("glioma", "meningioma", "no_tumor", "pituitary")[number % 4]
        label.mkdir(exist_ok=True)
        (label / f"{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes([number]) * 600)
    changes = {"dataset": "ward", "sources__ward": f"{{kind: folder, path: {raw}}}"}
    sha = site.push("feat: scans of the ward", gate__min_balanced_accuracy="0", **changes)
    before = site.state()
    ended = retrain(site, sha)
    assert ended.failed == [("retrain", 3)], ended.out[-4000:]
    assert ended.stages == ["pull", "validate"]
    assert site.state() == before


def test_of_two_quick_pushes_the_newer_wins(site: Site) -> None:
    """A push during a run: that run names no candidate and proposes nothing, the run of the newer one does.

    GitHub cancels the older run by the concurrency group, which act does not know: here it goes on to its
    end, which is the harder case.
    """
    older = site.push("feat: back to the phantom", dataset="phantom", gate__max_ece="0.96")
    newer: list[str] = []

    def push_again() -> None:
        newer.append(site.push("feat: a ceiling", gate__max_ece="0.97"))

    was = candidate(site)
    overtaken = retrain(site, older, {"Running stage 'image'": push_again})
    assert overtaken.failed[-1] == ("publish", 3), overtaken.failed
    assert f"has other code or parameters by now ({newer[0][:12]})" in overtaken.out
    assert candidate(site) == was
    assert git(site.origin, "rev-parse", "retrain/main^") != newer[0]
    ended = retrain(site, newer[0])
    assert ended.passed, ended.out[-6000:]
    assert candidate(site).release.git_sha == newer[0]
    assert git(site.origin, "rev-parse", "retrain/main^") == newer[0]
    site.merge("retrain/main")


def test_a_pull_request_gets_one_comment(site: Site) -> None:
    """Its run finds the stages of main in the cache; the page of a second run replaces that of the first."""
    head = {"ref": "fix", "repo": {"full_name": REPOSITORY}}
    request = {"number": 7, "head": head, "base": {"ref": "main", "repo": {"full_name": REPOSITORY}}}
    payload = {"action": "synchronize", "number": 7, "pull_request": request}
    for _ in range(2):
        site.check_out(git(site.origin, "rev-parse", "main"))
        ended = act.run(site, "pull_request", "ci/comment", payload, given={"GITHUB_TOKEN": TOKEN})
        assert ended.passed, ended.out[-6000:]
        assert ended.stages == []
    (comment,) = site.forge.comments
    assert comment["body"].startswith(f"{MARKER}\n## Passed: bundle ")
    assert "| accuracy |" in comment["body"]
