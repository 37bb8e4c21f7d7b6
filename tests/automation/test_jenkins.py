"""The Jenkinsfile against the same real parts; goes on from what the pushes of `test_github.py` left."""

from __future__ import annotations

import pytest

from scanops.release import ledger
from tests.automation import jenkins
from tests.automation.site import PASSWORD, USER, Site
from tests.retrained import git

pytestmark = [pytest.mark.automation, pytest.mark.xdist_group("automation")]


def build(site: Site, **given: str) -> jenkins.Build:
    """Run a build of main."""
    site.check_out(git(site.origin, "rev-parse", "main"))
    return jenkins.run(site, "main", **given)


def test_a_registry_that_is_away_starts_nothing(site: Site) -> None:
    """Preflight says so; no stage runs, and what was there stays."""
    site.stop_registry()
    before = site.state()
    ended = build(site, DO="retrain")
    site.start_registry()
    assert ended.result == "FAILURE"
    assert ended.failed[0] == ("preflight", 4), ended.out[-4000:]
    assert ended.began == ("Set-up", "Preflight")
    assert (ended.stages, site.state()) == ([], before)


def test_a_push_is_retrained_and_proposed(site: Site) -> None:
    """Another threshold of the gate runs the gate and the image; the candidate is one that Jenkins named."""
    sha = site.push("feat: a ceiling", gate__max_ece="0.98")
    ended = build(site, DO="retrain")
    assert ended.passed, ended.out[-6000:]
    assert ended.stages == ["gate", "image"]
    held = ledger.at(site.ledger(), "candidate")
    assert held
    assert (held.release.git_sha, held.who) == (sha, "Jenkins <jenkins@example.org>")
    site.merge("retrain/main")


def test_a_promotion_is_approved_and_recorded(site: Site) -> None:
    """Production by Jenkins, once approved; without hosts its deployment ends with exit code 2."""
    assert site.at_desk("login", REGISTRY_LOGIN_USR=USER, REGISTRY_LOGIN_PSW=PASSWORD).returncode == 0
    done = site.at_desk("promote", "TO=staging")
    assert done.returncode == 0, done.stderr
    ended = build(site, DO="promote", TO="production")
    assert ended.asked == ("To production? (scanops-reviewers)",)
    held = ledger.at(site.ledger(), "production")
    candidate = ledger.at(site.ledger(), "candidate")
    assert held
    assert candidate
    assert (held.release.digest, held.who) == (candidate.release.digest, "Jenkins <jenkins@example.org>")
    assert (ended.result, ended.failed[0]) == ("FAILURE", ("deploy-inputs", 2)), ended.out[-4000:]
