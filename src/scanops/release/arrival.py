"""A candidate is made known only when all that it leads back to can be had by others.

Image, bundle and papers are checked where they go; here are the commit and DVC's cache.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scanops.errors import OutsideError, VerdictError
from scanops.release.addresses import hide_password
from scanops.release.engine import last_lines
from scanops.release.git import Git, GitError

NOT_SET = 251  # what `dvc config` ends with for a key that nobody set
TIMEOUT_S = 600


def require(root: Path, remote: str, git_sha: str) -> None:
    """Refuse what others could not get.

    Args:
        root: The project's folder.
        remote: The git remote; `.` is this clone, where every commit is.
        git_sha: The commit of the code in the image.

    Raises:
        VerdictError: The commit, or part of DVC's cache, has not arrived.
        OutsideError: A remote cannot be asked.
    """
    if remote != ".":
        _require_commit(Git(root), remote, git_sha)
    if not _require_cache(root):
        print(
            "warning: there is no DVC remote: this candidate's data and model are here alone", file=sys.stderr
        )


def _require_commit(git: Git, remote: str, git_sha: str) -> None:
    tips = _tips(git, remote)
    if _is_in(git, git_sha, tips):
        return
    # Others may have pushed since: their commits lead to ours, but are not here yet.
    try:
        git.call("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", remote, *tips)
    except GitError as error:
        raise _unreachable(remote, error) from error
    if not _is_in(git, git_sha, tips):
        fault = f"is on no branch of {hide_password(remote)}"
        raise VerdictError(f"commit {git_sha[:12]}", fault, "Push it, so that others can find the code")


def _tips(git: Git, remote: str) -> list[str]:
    try:
        return [line.partition("\t")[0] for line in git.text("ls-remote", "--heads", remote).splitlines()]
    except GitError as error:
        raise _unreachable(remote, error) from error


def _is_in(git: Git, git_sha: str, tips: list[str]) -> bool:
    known = [tip for tip in tips if git.holds("cat-file", "-e", f"{tip}^{{commit}}")]
    return any(git.holds("merge-base", "--is-ancestor", git_sha, tip) for tip in known)


def _unreachable(remote: str, error: GitError) -> OutsideError:
    fault = f"cannot be asked ({hide_password(error.fault)})"
    return OutsideError(f"git remote {hide_password(remote)}", fault, "Correct it or your rights there")


def _require_cache(root: Path) -> bool:
    """Make sure that DVC's remote has all outputs; say whether there is a remote."""
    if not (root / "dvc.lock").is_file() or not _dvc(root, "config", "core.remote", allowed=(0, NOT_SET)):
        return False
    missing = json.loads(_dvc(root, "status", "--cloud", "--json"))
    if missing:
        some = ", ".join(sorted(missing)[:3])
        fault = f"lacks {len(missing)} outputs ({some})"
        raise VerdictError("the DVC remote", fault, "Push them first: `dvc push --run-cache`")
    return True


def _dvc(root: Path, *arguments: str, allowed: tuple[int, ...] = (0,)) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    try:
        done = subprocess.run(
            command, check=False, cwd=root, capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise OutsideError(
            "the DVC remote", f"did not answer within {TIMEOUT_S} s", "See if it is up"
        ) from error
    if done.returncode not in allowed:
        fault = f"cannot be asked ({hide_password(last_lines(done.stderr or done.stdout))})"
        raise OutsideError("the DVC remote", fault, "Start it, or correct .dvc/config and your login")
    return done.stdout.strip()
