"""What reaches a playbook is a digest, a file and words, and nothing that Ansible would run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scanops.errors import ConfigError
from scanops.release import playbook_arguments

DIGEST = "sha256:" + "7a" * 32


@pytest.mark.parametrize("given", [DIGEST, f"127.0.0.1:5000/scanops@{DIGEST}"])
def test_a_digest_is_taken_with_or_without_its_repository(given: str) -> None:
    """Both forms that people copy lead to the digest; nothing stays nothing."""
    assert playbook_arguments.digest("deploy", given) == DIGEST
    assert playbook_arguments.digest("deploy", "") == ""


@pytest.mark.parametrize(
    "given",
    ["{{ lookup('pipe', 'id') }}", "scanops:latest", DIGEST + "\n", DIGEST + " x=1", DIGEST[:19], "x@"],
)
def test_what_is_no_digest_is_refused(given: str) -> None:
    """A template would run on the control node, a tag deploys nothing, a beginning could be of two."""
    with pytest.raises(ConfigError, match="is none"):
        playbook_arguments.digest("deploy", given)


def test_a_rollback_takes_the_beginning_of_a_digest() -> None:
    """A host's history tells which it is; a template is refused there as well."""
    assert playbook_arguments.digest("rollback", DIGEST[:19]) == DIGEST[:19]
    with pytest.raises(ConfigError, match="is none"):
        playbook_arguments.digest("rollback", "sha256:{{ 1 }}")


def test_variables_are_one_piece_of_json(tmp_path: Path) -> None:
    """A space in the archive's name makes no second variable of it."""
    archive = tmp_path / "image model_service_allow_unpromoted=true.tar"
    archive.touch()
    flag, text = playbook_arguments.variables(DIGEST, archive)
    assert flag == "-e"
    assert json.loads(text) == {"model_service_digest": DIGEST, "model_service_archive": str(archive)}
    assert playbook_arguments.variables("", None) == []


def test_an_archive_that_is_not_there_is_told_before_ansible_starts(tmp_path: Path) -> None:
    """Its name and the command that writes it are in the message."""
    with pytest.raises(ConfigError, match="export-image"):
        playbook_arguments.variables(DIGEST, tmp_path / "none.tar")


def test_further_arguments_are_split_as_in_a_shell() -> None:
    """Quotes hold words together, a semicolon ends nothing, and an open quote is told."""
    assert playbook_arguments.words("--limit 'a, b' -e x=1; id") == ["--limit", "a, b", "-e", "x=1;", "id"]
    assert playbook_arguments.words("") == []
    with pytest.raises(ConfigError, match="Close the quotes"):
        playbook_arguments.words("--limit 'a")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["--limit", "rack-1"], ["--limit", "rack-1,localhost"]),
        (["--limit=rack-1", "--check"], ["--limit=rack-1,localhost", "--check"]),
        (["-l", "rack-1,localhost"], ["-l", "rack-1,localhost,localhost"]),
        (["-lrack-1"], ["-lrack-1,localhost"]),
        (["--limit", "!rack-1"], ["--limit", "all,localhost,!rack-1"]),
        (["--list-hosts", "-e", "limit=1"], ["--list-hosts", "-e", "limit=1"]),
    ],
)
def test_a_limit_leaves_the_control_node_in(given: list[str], kept: list[str]) -> None:
    """`--limit rack-1` is no run without a beginning and an end; what is no limit stays as it is."""
    assert playbook_arguments.with_control_node(given) == kept
