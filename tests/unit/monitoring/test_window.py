"""Which rows of a store are compared."""

from __future__ import annotations

import pytest

from scanops.errors import ConfigError
from scanops.monitoring import window
from scanops.monitoring.features import Features
from scanops.monitoring.store import Record

FEATURES = Features(4096.0, 1.0, 60.0, 20.0, 0.8, 0.9, 0.1, -0.2, None, None, "glioma", "answered")
DAY = 24
NOW_S = 100 * 86_400.0


def row(number: int, hours_ago: int = 0, bundle: str = "b", mean: float = 60.0) -> Record:
    """Make one row."""
    features = Features(**{**vars(FEATURES), "mean": mean})
    return Record(int(NOW_S) - hours_ago * 3600, number, bundle * 64, 10.0 + number, features)


def test_a_request_counts_once() -> None:
    """Sixty-four slices in one request are one witness: the first."""
    rows = [row(1, mean=float(place)) for place in range(64)] + [row(2)]
    found = window.take(rows, "b" * 64, None, NOW_S)
    assert [one.features.mean for one in found.rows] == [0.0, 60.0]
    assert found.pictures == 65


def test_the_last_requests_or_the_last_days() -> None:
    """A number counts requests from the newest, `d` days from now."""
    rows = [row(number, hours_ago=10 * DAY - number) for number in range(10 * DAY)]
    assert [one.request for one in window.take(rows, "b" * 64, "3", NOW_S).rows] == [237, 238, 239]
    assert len(window.take(rows, "b" * 64, "2d", NOW_S).rows) == 2 * DAY
    assert window.take(rows, "b" * 64, "2d", NOW_S + 30 * 86_400).rows == []
    assert len(window.take(rows, "b" * 64, None, NOW_S).rows) == 10 * DAY


def test_another_bundle_is_no_drift() -> None:
    """Rows that another bundle answered are counted and left out; a store of such alone is a mistake."""
    found = window.take([row(1, bundle="a"), row(2)], "b" * 64, None, NOW_S)
    assert (len(found.rows), found.other_bundles) == (1, 1)
    with pytest.raises(ConfigError, match="aaaaaaaaaaaa"):
        window.take([row(1, bundle="a")], "b" * 64, None, NOW_S)


@pytest.mark.parametrize("asked", ["0", "-1", "7w", "d", "1.5", "9999999999", " 7"])
def test_what_is_no_window_is_refused(asked: str) -> None:
    """A slip is told, not taken for something near."""
    with pytest.raises(ConfigError, match="Write 500, or 7d"):
        window.take([row(1)], "b" * 64, asked, NOW_S)


def test_the_report_says_what_was_looked_at() -> None:
    """Times by the hour, latency, and how often there was no answer; nothing where there is no row."""
    told = window.describe(window.take([row(1, 30), row(2)], "b" * 64, "9", NOW_S), "9")
    assert (told["first"], told["last"]) == ("1970-04-09 18:00", "1970-04-11 00:00")
    assert told["latency_ms"] == {"median": 12.0, "p95": 12.0}
    assert told["abstained"] == 0
    assert window.describe(window.take([], "b" * 64, None, NOW_S), None)["latency_ms"] is None
