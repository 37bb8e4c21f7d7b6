"""The Makefile hands on what a variable holds, and lets neither make nor the shell read it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.contract.ci_files import makefile_targets
from tests.contract.imports import ROOT

MAKEFILE = ROOT / "Makefile"
TEXT = MAKEFILE.read_text(encoding="utf-8")
RECIPES = [line for line in TEXT.splitlines() if line.startswith("\t")]
HANDED_ON = sorted({name for line in re.findall(r"^export ([A-Z_ ]+)$", TEXT, re.M) for name in line.split()})
# What make itself knows, and the interpreter that a person names for the set-up.
OWN = {"MAKEFILE_LIST", "PYTHON"}


def make(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Call make; what its targets stand on counts as made."""
    return subprocess.run(
        ["make", "-C", str(ROOT), "-o", "setup", "-o", "deploy-tools", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **env},
    )


def test_no_recipe_holds_a_value() -> None:
    """What people and CI set is read by the recipe's shell, as a variable in quotes."""
    assert len(HANDED_ON) > 15
    for line in RECIPES:
        named = set(re.findall(r"\$[({]([A-Z_]+)[)}]", line.replace("$$", "")))
        assert named <= OWN, line
        for used in re.finditer(r"\$\$\{?([A-Z_]+)", line):
            asked = line[used.start() :].startswith(f"$${{{used[1]}:+")  # only whether there is a value
            if used[1] in HANDED_ON and not asked:
                quoted = re.match(
                    rf'"\$\$(\{{{used[1]}(:-|%%)[^}}]+\}}|{used[1]})"', line[used.start() - 1 :]
                )
                assert quoted, f"{used[1]} in {line}"


@pytest.mark.parametrize("name", HANDED_ON)
def test_the_environment_is_not_expanded(name: str, tmp_path: Path) -> None:
    """A value in make's own language, or in the shell's, stays a value: no target has it in its recipe."""
    marker = tmp_path / "ran"
    value = f'$(shell touch {marker})x"; touch {marker}; "'
    done = make("--dry-run", *sorted(makefile_targets(MAKEFILE)), **{name: value})
    assert done.returncode == 0, done.stderr
    assert "touch" not in done.stdout
    assert not marker.exists()


@pytest.mark.parametrize("playbook", ["deploy", "rollback-hosts"])
def test_a_digest_with_a_command_in_it_runs_nothing(playbook: str, tmp_path: Path) -> None:
    """The command's own shell, too, takes it for a word, and the command refuses it."""
    marker = tmp_path / "ran"
    env = {
        "ENV": "example",
        "DIGEST": f'x"; touch {marker}; "',
        "MORE": f"; touch {marker} $(touch {marker})",
    }
    done = make(playbook, **env)
    assert done.returncode == 2
    assert "is none. Give DIGEST=sha256:" in done.stderr
    assert not marker.exists()
