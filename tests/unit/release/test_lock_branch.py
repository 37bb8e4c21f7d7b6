"""The branch of the lock: built beside the folder, on the newest main, by one of two."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanops.errors import ConfigError, VerdictError
from scanops.release import lock_branch
from tests import retrained
from tests.retrained import git

BRANCH = lock_branch.BRANCH


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a clone in which a run has passed, where git knows nobody, as on a machine of CI."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    return retrained.make(tmp_path)


def _branch(clone: Path) -> str:
    return git(clone.parent / "origin.git", "rev-parse", BRANCH)


def test_the_branch_holds_the_lock_and_the_reports(clone: Path) -> None:
    """One commit on main with what the run left for git; the folder and its branch stay as they were."""
    before = git(clone, "status", "--porcelain"), git(clone, "rev-parse", "HEAD")
    assert lock_branch.differs(clone)
    made = lock_branch.push(clone, "origin", "chore: lock")
    assert _branch(clone) == made
    changed = git(clone, "diff", "--name-only", "HEAD", made).split()
    assert changed == ["dvc.lock", "reports/gate.json", "reports/metrics.json"]
    assert git(clone, "log", "-1", "--format=%P", made) == git(clone, "rev-parse", "origin/main")
    assert git(clone, "log", "-1", "--format=%an", made) == "ScanOps"
    assert (git(clone, "status", "--porcelain"), git(clone, "rev-parse", "HEAD")) == before


def test_the_same_again_pushes_nothing(clone: Path) -> None:
    """A second push of the same is the first one's commit; of something new, one commit in its place."""
    first = lock_branch.push(clone, "origin", "chore: lock")
    assert lock_branch.push(clone, "origin", "chore: lock again") == first
    retrained.run(clone, 0.95)
    second = lock_branch.push(clone, "origin", "chore: lock")
    assert _branch(clone) == second != first
    assert git(clone, "rev-list", "--count", f"origin/main..{second}") == "1"


def test_a_merged_lock_leaves_nothing_to_propose(clone: Path) -> None:
    """Once main holds the lock and the reports, the next run does not differ: the loop ends."""
    made = lock_branch.push(clone, "origin", "chore: lock")
    git(clone, "push", "-q", "origin", f"{made}:main")
    git(clone, "fetch", "-q")
    git(clone, "checkout", "-q", "-f", made)
    assert not lock_branch.differs(clone)


def test_a_lock_merged_meanwhile_does_not_supersede(clone: Path) -> None:
    """Commits that change no input of a run, such as documentation, leave it the newest."""
    other = clone.parent / "other"
    git(clone.parent, "clone", "-q", "origin.git", str(other))
    (other / "README.md").write_text("words", encoding="utf-8")
    retrained.commit(other, "docs: words")
    git(other, "push", "-q", "origin", "main")
    made = lock_branch.push(clone, "origin", "chore: lock")
    assert "README.md" in git(clone, "ls-tree", "--name-only", made).split()


def test_an_overtaken_run_proposes_nothing(clone: Path) -> None:
    """Of two pushes the newer wins: the older one's run ends with a verdict, and pushes no branch."""
    other = clone.parent / "other"
    git(clone.parent, "clone", "-q", "origin.git", str(other))
    (other / "src/a.py").write_text("newer = 1", encoding="utf-8")
    newer = retrained.commit(other, "feat: newer")
    git(other, "push", "-q", "origin", "main")
    with pytest.raises(VerdictError, match=newer[:12]):
        lock_branch.push(clone, "origin", "chore: lock")
    assert git(clone, "ls-remote", "origin", BRANCH) == ""


def test_uncommitted_code_proposes_nothing(clone: Path) -> None:
    """A lock made by code that nobody else has is refused."""
    (clone / "params.yaml").write_text("{a: 1}", encoding="utf-8")
    with pytest.raises(ConfigError, match="not committed"):
        lock_branch.push(clone, "origin", "chore: lock")


def test_without_a_lock_there_is_nothing(clone: Path) -> None:
    """Before any run the message says what to do."""
    (clone / "dvc.lock").unlink()
    with pytest.raises(ConfigError, match="make repro"):
        lock_branch.differs(clone)
