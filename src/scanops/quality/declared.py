"""Expectations that engineers declare in `expectations.yaml`, checked before any image is read."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanops import config
from scanops.errors import ConfigError
from scanops.quality.silent_gx import gxe, registry
from scanops.quality.suites import CLASS_COLUMNS, image_columns

SEVERITIES = ("warning", "critical")
COLUMN_KEYS = ("column", "column_A", "column_B", "column_list")
PARAMETER = "$PARAMETER"  # Great Expectations' name for a value that is given when a suite is run
SET_BY_GX = ("id", "rendered_content")
LISTED = "See the comment in the file, and Great Expectations' gallery for the types"
# Great Expectations cannot store the results of these with numpy 2 (they hold a numpy truth value).
UNSTORABLE = {"expect_column_quantile_values_to_be_between": "expect_column_median_to_be_between"}


@dataclass(frozen=True)
class Declared:
    """Expectations of Great Expectations, beside those that the parameters give.

    Attributes:
        images: Over one row an image.
        classes: Over one row a class.
    """

    images: tuple[Any, ...] = ()
    classes: tuple[Any, ...] = ()


def read(path: Path, manifest_columns: Collection[str]) -> Declared:
    """Read declared expectations.

    Args:
        path: A YAML file with the lists `images` and `classes`. An entry holds `type` (Great
            Expectations' name), the type's own arguments, `severity` and `notes`.
        manifest_columns: Columns of the manifest that will be judged.

    Returns:
        The expectations.

    Raises:
        ConfigError: The file is missing or malformed, or an entry names an unknown type, column or
            argument; the message names the entry.
    """
    values = config.read_yaml(path)
    tables = {"images": image_columns(tuple(manifest_columns)), "classes": CLASS_COLUMNS}
    for key in values:
        if key not in tables:
            raise ConfigError(str(path), f"has the unknown key {key!r}{_hint(str(key), tables)}", LISTED)
    return Declared(**{name: _suite(path, name, values.get(name), tables[name]) for name in tables})


def _suite(path: Path, table: str, entries: object, columns: Collection[str]) -> tuple[Any, ...]:
    if not isinstance(entries, list | None):
        raise ConfigError(f"{path}: {table}", "holds no list", f"Write `{table}: []`, or a list of entries")
    return tuple(
        _expectation(f"{path}: {table}[{place}]", entry, columns) for place, entry in enumerate(entries or [])
    )


def _expectation(subject: str, entry: object, columns: Collection[str]) -> Any:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("type"), str):
        raise ConfigError(subject, "has no `type`", LISTED)
    name = entry["type"]
    subject = f"{subject} {name}"
    kind = _kind(subject, name)
    arguments = {"notes": f"declared: {name}", **{str(key): value for key, value in entry.items()}}
    del arguments["type"]
    severity = arguments.get("severity", "critical")
    if severity not in SEVERITIES:
        raise ConfigError(subject, f"has the severity {severity!r}", f"Use {' or '.join(SEVERITIES)}")
    for key in SET_BY_GX:
        if key in arguments:
            raise ConfigError(subject, f"has the key `{key}`, which is not for writing", "Leave it out")
    _require_values(subject, arguments)
    _require_columns(subject, arguments, columns)
    try:
        return kind(**arguments)
    # The package's own copy of pydantic raises a ValueError of its own.
    except ValueError as error:
        raise ConfigError(subject, _fault(error, kind), LISTED) from error


def _kind(subject: str, name: str) -> Any:
    known = registry.list_registered_expectation_implementations()
    # A base class is registered by its subclasses alone; what has no public name is not for declaring.
    kind = getattr(gxe, "".join(word.capitalize() for word in name.split("_")), None)
    if name not in known or kind is None:
        raise ConfigError(subject, f"is no known type{_hint(name, known)}", LISTED)
    if name in UNSTORABLE:
        raise ConfigError(
            subject,
            "cannot be stored by this version of Great Expectations",
            f"Use {UNSTORABLE[name]}, or a bound on the share of rows by `mostly`",
        )
    return kind


def _require_values(subject: str, value: object) -> None:
    """Refuse a value that Great Expectations would take from a suite's parameters: nothing sets any."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    if isinstance(value, Mapping) and PARAMETER in value:
        fault = f"takes a value from {PARAMETER} {value[PARAMETER]!r}, which nothing sets"
        raise ConfigError(subject, fault, "Write the value itself")
    for one in inner:
        _require_values(subject, one)


def _require_columns(subject: str, arguments: Mapping[str, Any], columns: Collection[str]) -> None:
    for key in COLUMN_KEYS:
        wanted = arguments.get(key, [])
        for column in wanted if isinstance(wanted, list) else [wanted]:
            if column not in columns:
                hint = _hint(str(column), columns)
                remedy = f"The columns are {', '.join(columns)}"
                raise ConfigError(subject, f"names the unknown column {column!r}{hint}", remedy)


def _fault(error: ValueError, kind: Any) -> str:
    faults = getattr(error, "errors", None)
    if faults is None:
        return str(error)
    # A rule about the whole entry is a consequence where a single argument is wrong already.
    found = {str(item["loc"][0]): str(item["msg"]) for item in reversed(faults())}
    named = {key: message for key, message in found.items() if key != "__root__"} or found
    told = []
    for key, message in sorted(named.items()):
        hint = "" if key in kind.__fields__ or key == "__root__" else _hint(key, kind.__fields__)
        told.append(f"{message}{hint}" if key == "__root__" else f"{key}: {message}{hint}")
    return "; ".join(told)


def _hint(word: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
