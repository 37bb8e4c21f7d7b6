"""What the files of GitHub Actions and Jenkins say, read without either."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

# A target or more, then plain words. What the environment holds is not written there: make would expand it.
CALL = re.compile(r"make( [a-z-]+)+( [A-Z]+=[\w=.-]+)*")
PIN = re.compile(r"[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+")


def workflow(text: str) -> dict[str, Any]:
    """Parse a workflow; YAML takes its key `on` for a truth value."""
    parsed = yaml.safe_load(text)
    return {"on" if key is True else key: value for key, value in parsed.items()}


def steps(parsed: dict[str, Any]) -> list[dict[str, Any]]:
    """List the steps of all jobs."""
    return [step for job in parsed["jobs"].values() for step in job.get("steps", [])]


def unlike_make(commands: Iterable[str]) -> list[str]:
    """Find commands that are more than a call of make: logic that belongs behind a target."""
    return [command for command in commands if not CALL.fullmatch(command.strip())]


def targets(commands: Iterable[str]) -> set[str]:
    """Name the targets that commands call."""
    calls = [CALL.fullmatch(command.strip()) for command in commands]
    return {word for call in calls if call for word in call[0].split()[1:] if "=" not in word}


def unpinned(text: str) -> list[str]:
    """Find foreign actions that are not held to a commit, with the version beside it."""
    used = re.findall(r"uses: (.*)", text)
    return [action for action in used if not action.startswith("./") and not PIN.fullmatch(action)]


def shell_lines(jenkinsfile: str) -> list[str]:
    """List what a Jenkinsfile gives to the shell."""
    return re.findall(r"\bsh '([^']*)'", jenkinsfile)


def touches(paths: Sequence[str], patterns: Sequence[str]) -> bool:
    """Evaluate a `paths` filter of GitHub: `*` stays within a folder, `**` does not; any match is enough."""
    return any(_expression(pattern).fullmatch(path) for path in paths for pattern in patterns)


def makefile_targets(makefile: Path) -> set[str]:
    """List the targets that a Makefile explains."""
    return set(re.findall(r"^([a-z-]+):.*## ", makefile.read_text(encoding="utf-8"), re.MULTILINE))


def _expression(pattern: str) -> re.Pattern[str]:
    parts = (
        ".*" if part == "**" else "[^/]*" if part == "*" else re.escape(part) for part in _split(pattern)
    )
    return re.compile("".join(parts))


def _split(pattern: str) -> list[str]:
    return [part for part in re.split(r"(\*\*|\*)", pattern) if part]
