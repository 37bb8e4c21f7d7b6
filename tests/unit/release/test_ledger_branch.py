"""The ledger's branch, with real git and a bare remote."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scanops.digest import hash_bytes
from scanops.errors import ConfigError, OutsideError, VerdictError
from scanops.release import ledger_branch
from scanops.release.git import GitError
from scanops.release.ledger_branch import Ledger, LedgerBranch, OvertakenError
from tests.conftest import require_part
from tests.unit.release.test_ledger import BOOK, book


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder."""
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Make a bare remote."""
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    return tmp_path / "remote.git"


def clone(remote: Path, who: str) -> Path:
    """Clone it as somebody."""
    folder = remote.parent / who
    git(remote.parent, "clone", "--quiet", str(remote), who)
    git(folder, "config", "user.name", who)
    git(folder, "config", "user.email", f"{who}@example.org")
    return folder


def test_entries_and_papers_come_back(remote: Path) -> None:
    """What one clone appends another reads, and no file appears in anybody's folder."""
    ada, bea = (clone(remote, who) for who in ("ada", "bea"))
    writer, reader = (LedgerBranch.find(folder, {}) for folder in (ada, bea))
    held = writer.append(writer.read(), BOOK[0], {"gate.json": b"{}"})
    assert writer.append(held, BOOK[1], {"gate.json": b"{}", "more": b"\xff\n"}).entries == BOOK[:2]
    found = reader.read()
    assert found.entries == BOOK[:2]
    assert reader.evidence(found, "gate.json", hash_bytes(b"{}")) == b"{}"
    assert reader.evidence(found, "more", hash_bytes(b"\xff\n")) == b"\xff\n"
    with pytest.raises(VerdictError, match="does not hold"):
        reader.evidence(found, "gate.json", "f" * 64)
    assert [path.name for path in ada.iterdir()] == [".git"]
    assert git(remote, "log", "-1", "--format=%an %s", "ledger") == "ada promote to staging: " + (
        f"{BOOK[1].release.told}, entry 2"
    )


def test_who_comes_second_is_told_by_whom(remote: Path) -> None:
    """An entry made for another tip is refused, also where there was no ledger yet."""
    first, second = (LedgerBranch.find(clone(remote, who), {}) for who in ("ada", "bea"))
    empty = second.read()
    held = first.append(first.read(), BOOK[0], {})
    with pytest.raises(OvertakenError, match=r"Ada <ada@example.org>: promote of bundle a"):
        second.append(empty, BOOK[0], {})
    seen = second.read()
    first.append(held, BOOK[1], {})
    with pytest.raises(OvertakenError):
        second.append(seen, BOOK[1], {})
    assert second.read().entries == BOOK[:2]


def test_a_push_whose_answer_was_lost_has_landed(remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remote took the entry, then the line went dead: it is written, once."""
    failed, explain = [], LedgerBranch._explain

    def note(branch: LedgerBranch, error: GitError, held: Ledger, commit: str) -> None:
        failed.append(error)
        explain(branch, error, held, commit)

    monkeypatch.setattr(LedgerBranch, "_explain", note)
    branch = LedgerBranch.find(clone(remote, "ada"), {})
    hook = remote / "hooks" / "post-receive"
    hook.write_text("#!/bin/sh\nkill -9 $(ps -o ppid= -p $$)\n", encoding="utf-8")
    hook.chmod(0o755)
    assert branch.append(Ledger(), BOOK[0], {}).entries == BOOK[:1]
    assert len(failed) == 1
    assert branch.read().entries == BOOK[:1]


def test_a_line_changed_on_the_branch_is_found(remote: Path) -> None:
    """A commit that leads on from the last but tells another past is refused."""
    ada = clone(remote, "ada")
    branch = LedgerBranch.find(ada, {})
    branch.append(branch.append(Ledger(), BOOK[0], {}), BOOK[1], {})
    git(ada, "fetch", "--quiet", "origin", "ledger:ledger")
    git(ada, "checkout", "--quiet", "ledger")
    lines = ada / ledger_branch.LINES
    lines.write_text(lines.read_text().replace("Ada <", "Eve <", 1))
    git(ada, "commit", "--quiet", "--all", "--message", "nothing")
    git(ada, "push", "--quiet", "origin", "ledger")
    with pytest.raises(VerdictError, match="entry 2 does not follow"):
        branch.read()


def test_a_remote_that_takes_nothing_is_told(remote: Path) -> None:
    """Rights that are missing are an outside fault, with what git said."""
    branch = LedgerBranch.find(clone(remote, "ada"), {})
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho you may not >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    with pytest.raises(OutsideError, match="pre-receive hook declined") as caught:
        branch.append(Ledger(), BOOK[0], {})
    assert caught.value.exit_code == 4
    assert branch.read() == Ledger()


def test_without_a_remote_the_clone_holds_it(tmp_path: Path) -> None:
    """On one machine alone the ledger is a branch of the clone; a variable names another place."""
    git(tmp_path, "init", "--quiet", "alone")
    git(tmp_path, "init", "--quiet", "--bare", "shared.git")
    alone = tmp_path / "alone"
    git(alone, "config", "user.name", "ada")
    git(alone, "config", "user.email", "ada@example.org")
    branch = LedgerBranch.find(alone, {})
    assert branch.remote == "."
    branch.append(branch.read(), BOOK[0], {})
    assert LedgerBranch.find(alone, {}).read().entries == BOOK[:1]
    shared = LedgerBranch.find(alone, {ledger_branch.VARIABLE: str(tmp_path / "shared.git")})
    assert shared.read() == Ledger()
    assert shared.append(shared.read(), book(("candidate", "c"))[0], {}).entries != BOOK[:1]


def test_who_is_nobody_writes_nothing(remote: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Git guesses no name from the machine's."""
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = clone(remote, "ada")
    git(folder, "config", "--unset", "user.name")
    git(folder, "config", "--unset", "user.email")
    with pytest.raises(ConfigError, match="does not know who you are"):
        LedgerBranch.find(folder, {}).author()
    monkeypatch.setenv("GIT_AUTHOR_NAME", "ci")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ci@example.org")
    branch = LedgerBranch.find(folder, {})
    assert branch.author() == "ci <ci@example.org>"
    branch.append(branch.read(), BOOK[0], {})


def test_entries_are_signed_where_commits_are(remote: Path, tmp_path: Path) -> None:
    """Who signs commits signs entries: git verifies them against the keys of those who may."""
    require_part(shutil.which("ssh-keygen"), "no ssh-keygen on the PATH")
    folder, key = clone(remote, "ada"), tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"ada@example.org {(tmp_path / 'key.pub').read_text()}", encoding="utf-8")
    settings = {
        "gpg.format": "ssh",
        "user.signingkey": str(key),
        "commit.gpgsign": "true",
        "gpg.ssh.allowedSignersFile": str(allowed),
    }
    for name, value in settings.items():
        git(folder, "config", name, value)
    branch = LedgerBranch.find(folder, {})
    tip = branch.append(branch.read(), BOOK[0], {}).tip
    assert git(folder, "log", "-1", "--format=%G? %GS", tip) == "G ada@example.org"
