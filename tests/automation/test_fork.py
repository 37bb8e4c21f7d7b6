"""What a stranger's pull request can get at: nothing that is secret, whatever it does to the Makefile."""

from __future__ import annotations

import pytest

from tests.automation import act, hostile, jenkins
from tests.automation.hostile import leaked, looted
from tests.automation.site import Site
from tests.fake_forge import REPOSITORY

pytestmark = [pytest.mark.automation, pytest.mark.quick, pytest.mark.xdist_group("automation")]
SET_UP = ("setup", "emulator", "deploy-tools")  # of every build in Jenkins


def pull_request(site: Site, owner: str) -> dict[str, str]:
    """Run the checks of a pull request from a repository; every secret lies ready. Give what they saw."""
    hostile.check_out(site)
    head = {"ref": "harmless", "repo": {"full_name": owner}}
    request = {"number": 7, "head": head, "base": {"ref": "main", "repo": {"full_name": REPOSITORY}}}
    ended = act.run(site, "pull_request", "ci/", {"action": "opened", "number": 7, "pull_request": request})
    assert ended.passed, ended.out[-4000:]
    return looted(site)


def test_a_fork_sees_no_secret(site: Site) -> None:
    """All of its checks run, none of them sees a secret or the job's token, and nothing is written for it."""
    before = site.state()
    found = pull_request(site, "stranger/scans")
    fetched = {"parts", "emulator", "deploy-tools"}
    assert set(found) == {"check", "check-ci", "test", "repro", "report"} | fetched
    assert leaked(found) == set()
    assert site.state() == before


def test_a_branch_of_the_project_may_comment(site: Site) -> None:
    """The one thing more that it sees is the token of the job that writes the comment."""
    found = pull_request(site, REPOSITORY)
    assert leaked(found) == {("comment", "GITHUB_TOKEN")}


def test_the_detector_finds_what_main_sees(site: Site) -> None:
    """On main the same Makefile gets at the secrets, each of them in the steps that need it."""
    sha = hostile.check_out(site)
    act.run(site, "push", "retrain/retrain", {"ref": "refs/heads/main", "after": sha})
    found = leaked(looted(site))
    assert {target for target, name in found if name == "SCANOPS_FORGE_TOKEN"} == {"preflight", "publish"}
    assert {target for target, name in found if name == "REGISTRY_PASSWORD"} == {"login"}


def test_in_jenkins_a_pull_request_sees_no_secret(site: Site) -> None:
    """Its checks run, without credentials."""
    hostile.check_out(site)
    build = jenkins.run(site, "PR-7")
    assert build.passed, build.out[-4000:]
    assert build.began == ("Set-up", "Check", "Test", "Phantom")
    found = looted(site)
    assert set(found) == {*SET_UP, "check", "test", "repro", "report"}
    assert leaked(found) == set()


def test_in_jenkins_the_detector_finds_what_main_sees(site: Site) -> None:
    """On main the steps see the credentials; what comes before and after them does not."""
    hostile.check_out(site)
    assert jenkins.run(site, "main", DO="retrain").passed
    found = leaked(looted(site))
    names = {"SCANOPS_FORGE_TOKEN", "MLFLOW_TRACKING_TOKEN", "REGISTRY_PASSWORD"}
    # `report` is called twice; the second time, after all stages, it sees none.
    assert found == {
        (target, name) for target in ("preflight", "login", "retrain", "publish") for name in names
    }


def test_in_jenkins_production_needs_an_approval(site: Site) -> None:
    """Somebody of the reviewers is asked before credentials are bound; who declines ends the build there."""
    hostile.check_out(site)
    declined = jenkins.run(site, "main", approved=False, DO="promote", TO="production")
    assert (declined.result, declined.began) == ("ABORTED", ("Set-up", "Approval"))
    assert declined.asked == ("To production? (scanops-reviewers)",)
    assert set(looted(site)) == {*SET_UP, "report"}
    hostile.check_out(site)
    assert jenkins.run(site, "main", DO="promote", TO="staging").asked == ()
    assert {"promote", "deploy", "status"} <= set(looted(site))
