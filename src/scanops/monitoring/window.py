"""Which rows of a store are looked at: the last requests, or the last days, of one bundle."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from scanops.errors import ConfigError
from scanops.monitoring.features import ANSWERED
from scanops.monitoring.store import Record

DAY_S = 86_400
_FORM = re.compile(r"(?P<number>[1-9]\d{0,8})(?P<days>d?)")


@dataclass(frozen=True)
class Window:
    """What is compared with the reference.

    Attributes:
        rows: One picture a request, the first: those that come together are of one patient as often as not,
            and no independent witnesses.
        pictures: All pictures of these requests.
        other_bundles: Rows that were left out because another bundle answered.
    """

    rows: list[Record]
    pictures: int
    other_bundles: int


def take(records: Sequence[Record], bundle_sha256: str, asked: str | None, now_s: float) -> Window:
    """Choose rows.

    Args:
        records: What `store.read` returned.
        bundle_sha256: Whose answers are looked at.
        asked: `500` for the last 500 requests, `7d` for the last seven days, None for all.
        now_s: In seconds since 1970.

    Returns:
        The window; it may hold nothing.

    Raises:
        ConfigError: There is no such window, or all rows are another bundle's.
    """
    form = _FORM.fullmatch(asked) if asked else None
    if asked and form is None:
        raise ConfigError(f"window {asked}", "is neither a number nor days", "Write 500, or 7d")
    ours = [one for one in records if one.bundle == bundle_sha256]
    if records and not ours:
        raise ConfigError(
            f"bundle {bundle_sha256[:12]}",
            f"answered none of the {len(records)} pictures, which are of {records[-1].bundle[:12]}",
            "Name the bundle that the service runs",
        )
    left_out = len(records) - len(ours)
    if form and form["days"]:
        ours = [one for one in ours if one.hour >= now_s - int(form["number"]) * DAY_S]
    first: dict[int, Record] = {}
    for one in ours:
        first.setdefault(one.request, one)
    rows = list(first.values())
    if form and not form["days"]:
        rows = rows[-int(form["number"]) :]
    kept = {one.request for one in rows}
    return Window(rows, sum(one.request in kept for one in ours), left_out)


def describe(chosen: Window, asked: str | None) -> dict[str, Any]:
    """Sum a window up for the report.

    Args:
        chosen: What `take` returned.
        asked: What it was asked for.

    Returns:
        Numbers and times, the latter None where there is no row.
    """
    hours = [one.hour for one in chosen.rows]
    latency = [one.latency_ms for one in chosen.rows]
    silent = [one.features.abstained != ANSWERED for one in chosen.rows]
    return {
        "asked": asked,
        "pictures": chosen.pictures,
        "other_bundles": chosen.other_bundles,
        "first": _written(min(hours)) if hours else None,
        "last": _written(max(hours)) if hours else None,
        "abstained": round(sum(silent) / len(silent), 6) if silent else None,
        "latency_ms": {"median": _share(latency, 0.5), "p95": _share(latency, 0.95)} if latency else None,
    }


def _written(hour: int) -> str:
    return f"{datetime.fromtimestamp(hour, UTC):%Y-%m-%d %H:00}"


def _share(values: Sequence[float], share: float) -> float:
    return float(np.quantile(values, share, method="higher"))
