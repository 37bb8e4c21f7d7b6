"""The ledger lives on a branch of its own, which is read and added to without checking it out.

A commit an entry, pushed by compare-and-swap: it lands only on the tip that it was made for, so of two people
at once one wins and the other is told. The clone remembers the last tip that it saw: a remote that does not
lead on from there was rewritten.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scanops.digest import hash_bytes
from scanops.errors import OutsideError, VerdictError
from scanops.release import ledger
from scanops.release.addresses import hide_password
from scanops.release.git import Git, GitError
from scanops.release.ledger import Entry

BRANCH = "refs/heads/ledger"
SEEN = "refs/scanops/ledger"
LINES = "ledger.jsonl"
VARIABLE = "SCANOPS_LEDGER"
ROLES = ("AUTHOR", "COMMITTER")


class OvertakenError(VerdictError):
    """Somebody else's entry came first: what this one was decided on may not hold any more."""


@dataclass(frozen=True)
class Ledger:
    """The ledger as it was read.

    Attributes:
        tip: The commit that holds it, empty where there is none yet.
        entries: Oldest first.
    """

    tip: str = ""
    entries: list[Entry] = field(default_factory=list)


class LedgerBranch:
    """The branch on its remote.

    Args:
        root: A folder in the clone.
        remote: Name or address of a git remote; `.` is the clone itself.
    """

    def __init__(self, root: Path, remote: str) -> None:
        self._git = Git(root)
        self.remote = remote

    @classmethod
    def find(cls, root: Path, environ: Mapping[str, str] = os.environ) -> LedgerBranch:
        """Take the remote that `SCANOPS_LEDGER` names, else `origin`, else the clone itself."""
        remotes = Git(root).text("remote").split()
        return cls(root, environ.get(VARIABLE) or ("origin" if "origin" in remotes else "."))

    @property
    def name(self) -> str:
        """What to call it in a message."""
        return f"the ledger on {hide_password(self.remote)}"

    def author(self) -> str:
        """Tell who works here, `name <mail>`."""
        return "{} <{}>".format(*self._git.author())

    def read(self) -> Ledger:
        """Fetch the ledger and check it.

        Returns:
            All entries; none where there is no ledger yet.

        Raises:
            OutsideError: The remote cannot be reached.
            VerdictError: The ledger was rewritten, or its chain is broken.
        """
        seen, tip = self._seen(), self._tip()
        if not tip and seen:
            raise VerdictError(self.name, f"has vanished; it was at {seen[:12]}", ledger.REMEDY)
        if not tip:
            return Ledger()
        if tip != seen:
            self._fetch(tip)
            self._require_successor(seen, tip)
        entries = ledger.parse(self._git.call("show", f"{tip}:{LINES}").decode())
        self._git.call("update-ref", self._seen_ref(), tip)
        return Ledger(tip, entries)

    def append(self, held: Ledger, entry: Entry, evidence: Mapping[str, bytes]) -> Ledger:
        """Add an entry, if nobody else has added one since `held` was read.

        Args:
            held: What the entry follows.
            entry: The new one.
            evidence: Files to keep, by name.

        Returns:
            The ledger with it.

        Raises:
            OvertakenError: Somebody else was first; nothing was written.
            OutsideError: The remote cannot be reached, or refuses.
        """
        commit = self._commit(held, entry, evidence)
        lease = f"--force-with-lease={BRANCH}:{held.tip}"
        try:
            self._git.call("push", "--quiet", "--no-verify", lease, self.remote, f"{commit}:{BRANCH}")
        except GitError as error:
            self._explain(error, held, commit)
        self._git.call("update-ref", self._seen_ref(), commit)
        return Ledger(commit, [*held.entries, entry])

    def evidence(self, held: Ledger, name: str, sha256: str) -> bytes:
        """Read a file that the ledger keeps.

        Args:
            held: The ledger.
            name: The file's.
            sha256: Of its bytes.

        Raises:
            VerdictError: It is not there, or not what it was.
        """
        try:
            content = self._git.call("show", f"{held.tip}:evidence/{sha256}/{name}")
        except GitError as error:
            raise VerdictError(self.name, f"does not hold {name} {sha256[:12]}", ledger.REMEDY) from error
        if hash_bytes(content) != sha256:
            raise VerdictError(self.name, f"holds another {name} than {sha256[:12]}", ledger.REMEDY)
        return content

    def _seen_ref(self) -> str:
        address = self._git.text("ls-remote", "--get-url", self.remote)
        return f"{SEEN}/{hash_bytes(address.encode())[:12]}"

    def _seen(self) -> str:
        return self._git.text("for-each-ref", "--format=%(objectname)", self._seen_ref())

    def _tip(self) -> str:
        try:
            return self._git.text("ls-remote", self.remote, BRANCH).partition("\t")[0]
        except GitError as error:
            raise self._unreachable(error) from error

    def _fetch(self, tip: str) -> None:
        fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self.remote, tip)
        try:
            self._git.call(*fetch)
        except GitError as error:
            raise self._unreachable(error) from error

    def _require_successor(self, seen: str, tip: str) -> None:
        """Refuse a tip that does not lead back to the one that this clone saw last."""
        if seen and not self._git.holds("merge-base", "--is-ancestor", seen, tip):
            fault = f"was rewritten: {tip[:12]} does not lead on from {seen[:12]}, which this clone has seen"
            raise VerdictError(self.name, fault, ledger.REMEDY)

    def _commit(self, held: Ledger, entry: Entry, evidence: Mapping[str, bytes]) -> str:
        lines = "".join(f"{one.line}\n" for one in (*held.entries, entry))
        files = {LINES: lines.encode()}
        files |= {f"evidence/{hash_bytes(text)}/{name}": text for name, text in evidence.items()}
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": f"{scratch}/index"}
            if held.tip:
                self._git.call("read-tree", held.tip, env=index)
            for path, content in files.items():
                blob = self._git.text("hash-object", "-w", "--stdin", given=content)
                self._git.call("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
            tree = self._git.text("write-tree", env=index)
        name, mail = self._git.author()
        who = {f"GIT_{role}_NAME": name for role in ROLES} | {f"GIT_{role}_EMAIL": mail for role in ROLES}
        sign = self._git.text("config", "--type=bool", "--default", "false", "--get", "commit.gpgsign")
        signed = ["-S"] if sign == "true" else []  # commit-tree does not look there itself
        parents = ["-p", held.tip] if held.tip else []
        message = f"{entry.action} to {entry.stage}: {entry.release.told}, entry {entry.number}\n"
        return self._git.text("commit-tree", *signed, *parents, tree, given=message.encode(), env=who)

    def _explain(self, error: GitError, held: Ledger, commit: str) -> None:
        """Say why a push failed; one that landed although its answer was lost has not."""
        tip = self._tip()
        if tip == commit:
            return
        if tip == held.tip:
            raise self._unreachable(error) from error
        others = self.read().entries[len(held.entries) :]
        told = "; ".join(f"{one.who}: {one.action} of {one.release.told} to {one.stage}" for one in others)
        raise OvertakenError(
            self.name,
            f"has a newer entry ({told}), so nothing was written",
            "Look at `make history`, then decide anew",
        ) from error

    def _unreachable(self, error: OutsideError) -> OutsideError:
        fault = f"cannot be used ({hide_password(error.fault)})"
        remedy = f"Correct the remote or your rights there; {VARIABLE} names another, `.` is this clone"
        return OutsideError(self.name, fault, remedy)
