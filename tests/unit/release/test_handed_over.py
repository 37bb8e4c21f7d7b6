"""What is set for the service reaches its container, or is refused; nothing is dropped in silence."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from scanops.errors import ConfigError
from scanops.release import handed_over
from scanops.serving import options as settings


def test_every_setting_of_the_service_is_handed_over(tmp_path: Path) -> None:
    """Each variable that its command line names, with its value; files by where they are mounted."""
    (tmp_path / "tokens").touch()
    values = dict.fromkeys(settings.VARIABLES.values(), "7") | {"SCANOPS_TOKENS": str(tmp_path / "tokens")}
    environ = values | {"SCANOPS_FEEDBACK": str(tmp_path / "store.sqlite"), "HOME": "/root"}
    found = handed_over.options(environ, settings.VARIABLES.values())
    given = dict(found[at + 1].split("=", 1) for at, word in enumerate(found) if word == "--env")
    inside = {"SCANOPS_TOKENS": "/run/scanops/tokens", "SCANOPS_FEEDBACK": "/feedback/store.sqlite"}
    assert given == values | inside


def test_what_is_not_set_is_left_alone() -> None:
    """The service's own defaults hold."""
    assert handed_over.options({"SCANOPS_RATE": ""}, settings.VARIABLES.values()) == []


def test_tokens_are_mounted_read_only_whatever_their_path(tmp_path: Path) -> None:
    """A comma or a quote in a path is a part of it."""
    file = tmp_path / 'a, "b"' / "tokens"
    file.parent.mkdir()
    file.touch()
    _, mount, *_ = handed_over.options({"SCANOPS_TOKENS": str(file)}, ["SCANOPS_TOKENS"])
    (fields,) = csv.reader([mount])
    assert fields == ["type=bind", f"source={file}", "target=/run/scanops/tokens", "readonly"]


@pytest.mark.parametrize("name", ["SCANOPS_TOKENS", "SCANOPS_FEEDBACK"])
def test_what_is_missing_is_told(name: str, tmp_path: Path) -> None:
    """An engine would make a folder in its place."""
    with pytest.raises(ConfigError, match=f"{name} .*absent"):
        handed_over.options({name: str(tmp_path / "absent" / "file")}, ["SCANOPS_TOKENS"])
