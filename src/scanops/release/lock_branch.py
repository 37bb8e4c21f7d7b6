"""What a run leaves for git — `dvc.lock` and the reports — goes onto a branch that nobody checks out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml

from scanops.errors import ConfigError, VerdictError
from scanops.release import commit
from scanops.release.git import Git

BRANCH = "retrain/main"
BASE = "main"
# What decides about a run; a commit that changes none of it supersedes none.
INPUTS = (*commit.CODE, "expectations.yaml", "reference.json", "*.dvc")


def declared(root: Path) -> list[str]:
    """List what a run may leave for git.

    Args:
        root: The project's folder.

    Returns:
        `dvc.lock`, and the outputs that `dvc.yaml` says are not cached; sorted.
    """
    graph = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))
    return sorted({"dvc.lock", *(path for stage in graph["stages"].values() for path in _uncached(stage))})


def files(root: Path) -> list[str]:
    """List what a run left for git.

    Args:
        root: The project's folder.

    Returns:
        Those of the declared ones that are there.

    Raises:
        ConfigError: There is no `dvc.lock`.
    """
    if not (root / "dvc.lock").is_file():
        raise ConfigError("dvc.lock", "is not there", "Run the pipeline first: `make repro`")
    return [path for path in declared(root) if (root / path).is_file()]


def differs(root: Path) -> bool:
    """Say whether a run left anything that the commit checked out does not hold.

    Args:
        root: The project's folder.

    Returns:
        True where the lock or a report is new or changed.
    """
    return bool(Git(root).text("status", "--porcelain", "--untracked-files=all", "--", *files(root)))


def author(root: Path) -> dict[str, str]:
    """Sign as whoever works here; where git knows nobody, as the automation.

    Args:
        root: The project's folder.

    Returns:
        The environment variables that git takes names from.
    """
    try:
        name, mail = Git(root).author()
    except ConfigError:
        name, mail = "ScanOps", "scanops@users.noreply.github.com"
    roles = ("AUTHOR", "COMMITTER")
    return {f"GIT_{role}_{key}": value for role in roles for key, value in (("NAME", name), ("EMAIL", mail))}


def push(root: Path, remote: str, message: str) -> str:
    """Commit what the run left on top of the base branch, and push that to `BRANCH`.

    Neither the folder nor what is checked out changes. The same once more pushes nothing.

    Args:
        root: The project's folder.
        remote: Name or address of the git remote.
        message: Of the commit.

    Returns:
        The commit that the branch points at.

    Raises:
        ConfigError: Code or parameters were changed and not committed.
        GitError: The remote cannot be reached, or somebody else pushed the branch meanwhile.
        VerdictError: The base branch has other code by now: this run is superseded.
    """
    git = Git(root)
    tip = _fetch(git, remote, BASE)
    _require_newest(git, root, tip)
    tree = _tree(git, tip, files(root))
    seen = _fetch(git, remote, BRANCH)
    if seen and git.text("log", "-1", "--format=%T %P", seen) == f"{tree} {tip}":
        return seen
    made = git.text("commit-tree", tree, "-p", tip, "-m", message, env=author(root))
    lease = f"--force-with-lease=refs/heads/{BRANCH}:{seen}"
    git.call("push", "--quiet", lease, remote, f"{made}:refs/heads/{BRANCH}")
    return made


def _uncached(stage: dict[str, Any]) -> list[str]:
    outs = [*stage.get("outs", []), *stage.get("metrics", [])]
    return [
        path
        for entry in outs
        if isinstance(entry, dict)
        for path, rules in entry.items()
        if rules.get("cache") is False
    ]


def _fetch(git: Git, remote: str, branch: str) -> str:
    """Fetch a branch; return its commit, or nothing where the remote has no such branch."""
    if not git.text("ls-remote", remote, f"refs/heads/{branch}"):
        return ""
    git.call("fetch", "--quiet", "--no-tags", remote, f"refs/heads/{branch}")
    return git.text("rev-parse", "FETCH_HEAD")


def _require_newest(git: Git, root: Path, tip: str) -> None:
    if not tip:
        raise ConfigError(f"branch {BASE}", "is not on the remote", "Push it first")
    if commit.name(root).endswith("-dirty"):
        fault = "has changes of code or parameters that are not committed"
        raise ConfigError("the working folder", fault, "Commit and push them, then run again")
    if git.text("diff", "--name-only", "HEAD", tip, "--", *INPUTS):
        fault = f"has other code or parameters by now ({tip[:12]})"
        remedy = "Nothing is proposed: the run of that commit decides"
        raise VerdictError(f"branch {BASE}", fault, remedy)


def _tree(git: Git, tip: str, paths: list[str]) -> str:
    """Write the tree of a commit with some files as they are in the working folder."""
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        git.call("read-tree", tip, env=index)
        git.call("add", "--", *paths, env=index)
        return git.text("write-tree", env=index)
