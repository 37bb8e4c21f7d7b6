"""What a pull request from a stranger can get at: nothing that is secret, whatever it does to the Makefile."""

from __future__ import annotations

import pytest

from tests.automation import act
from tests.automation.site import Site
from tests.fake_forge import REPOSITORY
from tests.retrained import git

pytestmark = [pytest.mark.automation, pytest.mark.xdist_group("automation")]
# Whatever target a job calls writes down all that it sees.
HOSTILE = """.DEFAULT:
\t@mkdir -p "$$STAND_IN_STORE/loot"
\t@{ env; cat .git/config; } > "$$STAND_IN_STORE/loot/$@"
"""


def looted(site: Site) -> dict[str, str]:
    """Take what each target saw, and forget it."""
    folder = site.folder / "act" / "loot"
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*")}
    for path in folder.glob("*"):
        path.unlink()
    return found


def leaked(found: dict[str, str]) -> set[tuple[str, str]]:
    """Name each secret that a target saw."""
    return {
        (target, name)
        for target, text in found.items()
        for name, value in act.secrets().items()
        if value in text
    }


@pytest.fixture
def hostile(site: Site) -> str:
    """Give a commit with a Makefile that steals, on no branch of the project."""
    site.check_out(git(site.origin, "rev-parse", "main"))
    (site.workspace / "Makefile").write_text(HOSTILE, encoding="utf-8")
    git(site.workspace, "add", "-A")
    git(site.workspace, "commit", "-q", "-m", "feat: harmless")
    return git(site.workspace, "rev-parse", "HEAD")


def pull_request(site: Site, owner: str) -> dict[str, str]:
    """Run the checks of a pull request from a repository; every secret lies ready. Give what they saw."""
    head = {"ref": "harmless", "repo": {"full_name": owner}}
    request = {"number": 7, "head": head, "base": {"ref": "main", "repo": {"full_name": REPOSITORY}}}
    ended = act.run(site, "pull_request", "ci/", {"action": "opened", "number": 7, "pull_request": request})
    assert ended.passed, ended.out[-4000:]
    return looted(site)


def test_a_fork_sees_no_secret(site: Site, hostile: str) -> None:
    """All of its checks run, none of them sees a secret or the job's token, and nothing is written for it."""
    before = site.state()
    found = pull_request(site, "stranger/scans")
    assert set(found) == {"check", "parts", "test", "repro", "report"}
    assert leaked(found) == set()
    assert site.state() == before


def test_a_branch_of_the_project_may_comment(site: Site, hostile: str) -> None:
    """The one thing more that it sees is the token of the job that writes the comment."""
    found = pull_request(site, REPOSITORY)
    assert leaked(found) == {("comment", "GITHUB_TOKEN")}


def test_the_detector_finds_what_main_sees(site: Site, hostile: str) -> None:
    """On main the same Makefile gets at the secrets, each at the one step that needs it or in its job."""
    payload = {"ref": "refs/heads/main", "after": hostile}
    act.run(site, "push", "retrain/retrain", payload)
    found = leaked(looted(site))
    assert ("login", "REGISTRY_PASSWORD") in found
    assert {target for target, name in found if name == "SCANOPS_FORGE_TOKEN"} == {"preflight", "publish"}
    assert {target for target, name in found if name == "REGISTRY_PASSWORD"} == {"login"}
