"""`key.path=value`, as `dvc exp run --set-param` takes it, applied to raw parameters."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Iterable
from typing import Any

import yaml

from scanops.errors import ConfigError


def words(text: str) -> list[str]:
    """Split what stands behind `SET=` into changes; quotes keep spaces, backslashes are left alone.

    Args:
        text: Changes with white space between them.

    Returns:
        One text a change.

    Raises:
        ConfigError: A quote is not closed.
    """
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    try:
        return list(lexer)
    except ValueError as error:
        raise ConfigError(f"changes `{text}`", f"cannot be split ({error})", "Close the quotes") from error


def apply(values: dict[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """Apply changes to a copy of raw parameters.

    Args:
        values: The mapping read from YAML.
        changes: `key.path=value` each; the value is YAML.

    Returns:
        The changed copy. Whether it is valid is for `config.parse` to say.

    Raises:
        ConfigError: A change is not of that form, or names a section that is not there.
    """
    changed = copy.deepcopy(values)
    for change in changes:
        path, mark, text = change.partition("=")
        *sections, key = path.split(".")
        target: Any = changed
        for section in sections:
            target = target.get(section) if isinstance(target, dict) else None
        if not mark or not key or not isinstance(target, dict):
            raise ConfigError(
                f"change `{change}`",
                "is not key=value with a key of params.yaml",
                'Write for example SET="training.epochs=5 split.fractions=0.7/0.15/0.15"',
            )
        target[key] = yaml.safe_load(text)
    return changed
