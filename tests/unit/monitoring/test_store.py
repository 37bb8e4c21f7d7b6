"""The feedback store: bounded, and never taken for what it is not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from scanops.errors import ConfigError, OutsideError, ScanopsError
from scanops.monitoring import store
from scanops.monitoring.features import Features
from scanops.monitoring.store import Bounds, Record, Store

FEATURES = Features(4096.0, 1.0, 60.0, 20.0, 0.8, 0.9, 0.1, -0.2, None, None, "glioma", "answered")


def rows(count: int, first: int = 0) -> list[Record]:
    """Make rows, each a request of its own."""
    return [Record(3600, first + number, "b" * 64, 12.5, FEATURES) for number in range(count)]


def weight(path: Path) -> int:
    """Weigh the store and its log."""
    return sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Rows come back as they were, oldest first, whoever holds the file open."""
    place = tmp_path / "feedback.sqlite"
    writer = Store(place)
    writer.append(rows(3))
    assert store.read(place) == rows(3)
    writer.close()
    assert store.read(place) == rows(3)
    assert [file.name for file in tmp_path.iterdir()] == [place.name]


@pytest.mark.parametrize("bounds", [Bounds(rows=500), Bounds(rows=10**9, bytes=100_000)])
def test_it_never_grows_beyond_its_bounds(tmp_path: Path, bounds: Bounds) -> None:
    """Neither rows nor bytes grow without end: the oldest rows go, the newest stay."""
    place = tmp_path / "feedback.sqlite"
    writer = Store(place, bounds)
    for first in range(0, 20_000, 250):
        writer.append(rows(250, first))
        assert place.stat().st_size <= bounds.bytes
    assert weight(place) < 6_000_000
    writer.close()
    kept = store.read(place)
    assert 250 <= len(kept) <= min(bounds.rows, 20_000)
    assert [row.request for row in kept] == list(range(20_000 - len(kept), 20_000))


def test_a_reader_that_never_ends_cannot_fill_the_disk(tmp_path: Path) -> None:
    """While somebody keeps the log from being folded in, it stops at its bound, and that is told."""
    place = tmp_path / "feedback.sqlite"
    writer = Store(place, Bounds(rows=300, bytes=200_000))
    writer.append(rows(300))
    reader = sqlite3.connect(place, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM answers").fetchone()
    with pytest.raises(OutsideError, match="folded"):
        fill(writer)
    assert weight(place) < 1_000_000
    reader.close()
    writer.append(rows(100))
    writer.close()


def fill(writer: Store) -> None:
    """Write far more than fits."""
    for _ in range(1000):
        writer.append(rows(100))


def broken(path: Path) -> None:
    """Put zeros in the middle of a sound store."""
    writer = Store(path)
    writer.append(rows(2000))
    writer.close()
    data = bytearray(path.read_bytes())
    data[8192:65536] = bytes(65536 - 8192)
    path.write_bytes(data)


def foreign(path: Path) -> None:
    """Make the data base of something else."""
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE precious (name TEXT)")


def newer(path: Path) -> None:
    """Make a store of a form that is not known yet."""
    Store(path).close()
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA user_version = 99")


def garbage(path: Path) -> None:
    """Write what is no data base."""
    path.write_bytes(b"\x89PNG" * 5000)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (broken, "is damaged"),
        (foreign, "something else"),
        (newer, "has the form 99"),
        (garbage, "is damaged"),
    ],
)
def test_a_wrong_file_is_named_and_left_alone(tmp_path: Path, spoil: object, said: str) -> None:
    """A damaged or foreign file is told with its remedy, and not a byte of it changes."""
    place = tmp_path / "feedback.sqlite"
    assert callable(spoil)
    spoil(place)
    before = place.read_bytes()
    for use in (Store, store.read):
        with pytest.raises(ScanopsError, match=said) as told:
            use(place)
        assert isinstance(told.value, ConfigError)
        assert str(place) in told.value.subject
        assert told.value.remedy
    assert place.read_bytes() == before


def test_a_missing_store_is_told_to_its_reader(tmp_path: Path) -> None:
    """Reading makes no file."""
    with pytest.raises(ConfigError, match="is not there"):
        store.read(tmp_path / "none.sqlite")
    assert list(tmp_path.iterdir()) == []
