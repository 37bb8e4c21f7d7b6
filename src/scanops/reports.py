"""Reports of earlier stages, read back: JSON whose keys are contracts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scanops.errors import ConfigError

REMEDY = "Make it with `make repro`"


def read(path: Path) -> dict[str, Any]:
    """Read a report.

    Args:
        path: A JSON file that a stage wrote.

    Returns:
        Its mapping.

    Raises:
        ConfigError: The file is missing, is no JSON, or holds no mapping.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), f"cannot be read ({error})", REMEDY) from error
    if not isinstance(values, dict):
        raise ConfigError(str(path), "holds no mapping", REMEDY)
    return values


def warnings(report: Mapping[str, Any]) -> list[str]:
    """Take what a report on the data warns of, for every later report to carry on.

    Args:
        report: What `reports/validation.json` holds, or a later report.

    Returns:
        One sentence a warning; none where the report has no such key.

    Raises:
        ConfigError: The key holds something else than sentences.
    """
    found = report.get("warnings", [])
    if not isinstance(found, list) or not all(isinstance(sentence, str) for sentence in found):
        raise ConfigError("warnings of the report on the data", "are no list of sentences", REMEDY)
    return list(found)
