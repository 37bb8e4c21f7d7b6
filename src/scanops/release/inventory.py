"""What an inventory says of its environment as a whole, read without Ansible: no cloud is asked for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from scanops.errors import ConfigError
from scanops.release.ledger import ORIGIN

STAGE = "model_service_stage"


class _Loader(yaml.SafeLoader):
    """Reads past what only Ansible understands, such as `!vault`."""


_Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def stage(inventory: Path) -> str:
    """Tell which of the ledger's stages an environment follows.

    Args:
        inventory: A folder of `ansible/inventories`; its name, or `model_service_stage` in a file of
            `group_vars/all`, says it.

    Returns:
        `staging` or `production`; `production` where nothing says otherwise, as the role's default has it.

    Raises:
        ConfigError: The variable names no such stage.
    """
    default = inventory.name if inventory.name in ORIGIN else "production"
    for path in sorted((inventory / "group_vars/all").glob("*.y*ml")):
        given = _read(path).get(STAGE, default)
        if given not in ORIGIN:
            raise ConfigError(f"{path}: {STAGE}", f"is {given!r}", f"Name one of {', '.join(ORIGIN)}")
        if given != default:
            return str(given)
    return default


def _read(path: Path) -> dict[str, Any]:
    # A file that is a vault as a whole is one long text.
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 -- a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(str(path), f"is no YAML ({error})", "Correct it") from error
    return found if isinstance(found, dict) else {}
