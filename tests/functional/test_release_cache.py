"""A release's data are fetched whatever the checkout's lock says: real git, DVC, a remote and a ledger."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scanops.digest import hash_bytes, hash_file
from scanops.errors import ConfigError, VerdictError
from scanops.release import release_cache
from scanops.release.ledger import Entry, Release
from scanops.release.ledger_branch import LedgerBranch
from tests.unit.release.test_ledger import book, release

GRAPH = """
stages:
  export:
    cmd: mkdir -p data/bundle && cp version data/bundle/bundle.json
    deps: [version]
    outs: [data/bundle]
"""


def call(folder: Path, *command: str) -> None:
    """Run a command there."""
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def entry(before: list[Entry], made: Release, stage: str) -> Entry:
    """Give an entry of a ledger."""
    (blank,) = book(("candidate", "a"))
    fields = blank.model_dump(by_alias=True) | {"to": stage, "release": made.model_dump()}
    fields |= {"number": len(before) + 1, "previous": before[-1].sha256 if before else blank.previous}
    return Entry.model_validate(fields)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a clone whose lock is that of a newer run than what production holds, and whose cache is empty."""
    folder = tmp_path / "clone"
    (folder / "version").parent.mkdir()
    call(folder, "git", "init", "--quiet")
    call(folder, "git", "config", "user.name", "Ada")
    call(folder, "git", "config", "user.email", "ada@example.org")
    call(folder, "dvc", "init", "--quiet")
    (folder / "dvc.yaml").write_text(GRAPH)
    (tmp_path / "remote").mkdir()
    call(folder, "dvc", "remote", "add", "--quiet", "--default", "here", str(tmp_path / "remote"))
    branch = LedgerBranch(folder, ".")
    held = branch.read()
    for letter, stage in (("a", "production"), ("b", "candidate")):
        (folder / "version").write_text(letter)
        call(folder, "dvc", "repro", "--quiet")
        call(folder, "dvc", "push", "--quiet")
        lock = (folder / "dvc.lock").read_bytes()
        found = {"bundle_sha256": hash_file(folder / "data/bundle/bundle.json")}
        made = release(letter).model_copy(update=found | {"evidence": {"dvc.lock": hash_bytes(lock)}})
        held = branch.append(held, entry(held.entries, made, stage), {"dvc.lock": lock})
    call(folder, "rm", "-r", ".dvc/cache", "data/bundle")
    return folder


def test_the_release_is_fetched_and_not_the_newest_run(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What production runs lies in the workspace; the lock that was taken away is named. Twice is once."""
    monkeypatch.setenv("SCANOPS_LEDGER", ".")
    monkeypatch.setitem(os.environ, "GIT_CONFIG_GLOBAL", "/dev/null")
    assert release_cache.fetch(project, "production").told.startswith("bundle")
    assert (project / "data/bundle/bundle.json").read_text() == "a"
    assert "git checkout dvc.lock" in capfd.readouterr().out
    release_cache.fetch(project, "production")
    assert "git checkout" not in capfd.readouterr().out
    release_cache.fetch(project, "candidate")
    assert (project / "data/bundle/bundle.json").read_text() == "b"


def test_what_cannot_be_fetched_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release without a lock in the ledger, and a bundle that is not the ledger's."""
    monkeypatch.setenv("SCANOPS_LEDGER", ".")
    branch = LedgerBranch(project, ".")
    held = branch.read()
    papers = held.entries[0].release.evidence
    lock = {name: branch.evidence(held, name, sha256) for name, sha256 in papers.items()}
    bare = release("c").model_copy(update={"evidence": {}})
    held = branch.append(held, entry(held.entries, bare, "staging"), {})
    with pytest.raises(ConfigError, match=r"has no dvc\.lock in the ledger"):
        release_cache.fetch(project, "staging")
    false = release("d").model_copy(update={"evidence": papers})
    branch.append(held, entry(held.entries, false, "staging"), lock)
    with pytest.raises(VerdictError, match="the ledger has bundle"):
        release_cache.fetch(project, "staging")
