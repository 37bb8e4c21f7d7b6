"""Git, through its command line, for what is kept on branches that nobody checks out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scanops.errors import ConfigError, OutsideError
from scanops.release.engine import last_lines

TIMEOUT_S = 120


class GitError(OutsideError):
    """Git refused a command, or did not end it in time."""


@dataclass(frozen=True)
class Git:
    """A repository.

    Attributes:
        root: A folder in it.
    """

    root: Path

    def call(
        self, *arguments: str, given: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> bytes:
        """Run one command to its end.

        Args:
            *arguments: The command and its arguments.
            given: What it reads.
            env: Further environment variables.

        Returns:
            Its standard output.

        Raises:
            GitError: It failed, or took longer than `TIMEOUT_S`.
        """
        # Nobody may sit here to answer a question for a password.
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", **(env or {})}
        command = ["git", "-C", str(self.root), *arguments]
        told = f"git {arguments[0]}"
        try:
            done = subprocess.run(
                command, check=False, input=given, capture_output=True, env=environment, timeout=TIMEOUT_S
            )
        except subprocess.TimeoutExpired as error:
            fault = f"did not end within {TIMEOUT_S} s"
            raise GitError(told, fault, "Look whether the remote answers") from error
        except OSError as error:
            raise GitError(told, f"cannot be run ({error.strerror})", "Install git") from error
        if done.returncode:
            said = last_lines(done.stderr.decode(errors="replace"))
            raise GitError(told, f"failed: {said}", "Look at the remote and at what you may do there")
        return done.stdout

    def text(self, *arguments: str, given: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
        """Run one command; return what it printed, stripped."""
        return self.call(*arguments, given=given, env=env).decode("utf-8", "replace").strip()

    def holds(self, *arguments: str) -> bool:
        """Say whether a command that answers by its exit code says yes."""
        try:
            self.call(*arguments)
        except GitError:
            return False
        return True

    def subject(self, commit: str) -> str:
        """Say what a commit is about, where this clone has it."""
        known = self.holds("cat-file", "-e", f"{commit}^{{commit}}")
        return self.text("log", "-1", "--format=%s", commit) if known else "(not in this clone)"

    def author(self) -> tuple[str, str]:
        """Tell who works here: name and mail address, as commits of theirs would say.

        Raises:
            ConfigError: Git knows nobody.
        """
        try:
            ident = self.text("-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT")
        except GitError as error:
            raise ConfigError(
                "git",
                "does not know who you are",
                "Set user.name and user.email, or GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL",
            ) from error
        name, _, rest = ident.partition(" <")
        return name, rest.partition(">")[0]
