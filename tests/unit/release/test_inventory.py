"""An environment follows a stage of the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanops.errors import ConfigError
from scanops.release import inventory

EXAMPLE = Path(__file__).parents[3] / "ansible/inventories/example"


@pytest.mark.parametrize(
    ("name", "stage"), [("staging", "staging"), ("production", "production"), ("ward-7", "production")]
)
def test_the_name_says_which(tmp_path: Path, name: str, stage: str) -> None:
    """An environment of a stage's name follows it, any other one runs what is in production."""
    (tmp_path / name).mkdir()
    assert inventory.stage(tmp_path / name) == stage


def test_a_variable_says_otherwise(tmp_path: Path) -> None:
    """`model_service_stage` counts, wherever in group_vars/all it stands, beside secrets and vaults."""
    folder = tmp_path / "production/group_vars/all"
    folder.mkdir(parents=True)
    (folder / "a.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    (folder / "b.yml").write_text(
        "gateway_key_pem: !vault |\n  $ANSIBLE_VAULT\nmodel_service_stage: staging\n"
    )
    (folder / "c.yml").write_text("other: 1\n")
    assert inventory.stage(tmp_path / "production") == "staging"


def test_a_stage_that_is_none_is_told(tmp_path: Path) -> None:
    """A candidate was promoted by nobody: the file is named, and what it may say."""
    folder = tmp_path / "ward/group_vars/all"
    folder.mkdir(parents=True)
    (folder / "stage.yml").write_text("model_service_stage: candidate\n")
    with pytest.raises(ConfigError, match=r"stage\.yml.*'candidate'.*staging, production"):
        inventory.stage(tmp_path / "ward")


def test_the_example_s_stage_can_be_asked_of_the_ledger() -> None:
    """`make deploy ENV=example` finds a stage that the ledger has."""
    assert inventory.stage(EXAMPLE) == "production"
