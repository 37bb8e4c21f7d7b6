"""`reference.json`: profiles of accepted data, one a data set, committed by a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from scanops.atomic import write_json
from scanops.errors import ConfigError, VerdictError
from scanops.quality.profile import Profile
from scanops.section import Section

REMEDY = "Restore it from git"


class Reference(Section):
    """All of `reference.json`.

    Attributes:
        datasets: A profile a name of `sources` in `params.yaml`.
    """

    datasets: dict[str, Profile]


def read(path: Path) -> Reference:
    """Read the accepted profiles.

    Args:
        path: A JSON file that `accept` wrote, or one with no data set yet.

    Returns:
        The profiles.

    Raises:
        ConfigError: The file is missing or damaged.
    """
    try:
        return Reference.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        (first, *_) = error.errors()
        place = ".".join(map(str, first["loc"])) or "top level"
        raise ConfigError(str(path), f"is damaged ({place}: {first['msg']})", REMEDY) from error
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), f"cannot be read ({error})", REMEDY) from error


def accept(path: Path, dataset: str, validation: Mapping[str, Any]) -> Profile:
    """Take validated data as the version that later ones are compared with.

    Args:
        path: The file of accepted profiles; the other data sets in it stay as they are.
        dataset: The data set that `params.yaml` names.
        validation: What `reports/validation.json` holds.

    Returns:
        The accepted profile.

    Raises:
        ConfigError: The report is about another data set, or has no profile.
        VerdictError: The data failed.
    """
    known, subject, again = read(path), "the report on the data", "Run `make repro` first"
    if validation.get("dataset") != dataset:
        fault = f"is about {validation.get('dataset')!r}, not about {dataset!r}"
        raise ConfigError(subject, fault, again)
    if validation.get("verdict") not in ("pass", "warn"):
        fault = f"has the verdict {validation.get('verdict')!r}, so nothing is accepted"
        raise VerdictError(subject, fault, "Mend the data or, with a reason, the thresholds")
    try:
        profile = Profile.model_validate(validation.get("profile"))
    except ValidationError as error:
        raise ConfigError(subject, "holds no profile of the data", again) from error
    datasets = dict(sorted({**known.datasets, dataset: profile}.items()))
    write_json(path, Reference(datasets=datasets).model_dump(mode="json"))
    return profile
