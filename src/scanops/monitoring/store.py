"""The feedback store: one SQLite file with a bounded number of rows and bytes, written by several processes.

Write-ahead logging lets readers and writers go on beside each other, and leaves a sound file whenever a
process dies (https://sqlite.org/wal.html). It needs a local disk: not a network share.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from scanops.errors import ConfigError, OutsideError
from scanops.monitoring.features import Features

MAGIC = 0x5C4E_0F5B  # SQLite's application_id: the file is one of ours
VERSION = 1
BUSY_TIMEOUT_S = 5.0
PAGE_BYTES = 4096
_FIELDS = tuple(field.name for field in dataclasses.fields(Features))
_COLUMNS = ("hour", "request", "bundle", "latency_ms", *_FIELDS)
_TYPES = {float: "REAL NOT NULL", float | None: "REAL", str: "TEXT NOT NULL"}
_SCHEMA = ", ".join(f"{name} {_TYPES[kind]}" for name, kind in get_type_hints(Features).items())


@dataclass(frozen=True)
class Bounds:
    """How much a store holds; the oldest rows go first.

    Attributes:
        rows: Pictures.
        bytes: Of the data base file; its log beside it grows to the same at most.
    """

    rows: int = 200_000
    bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True)
class Record:
    """One picture that was answered.

    Attributes:
        hour: When, in seconds since 1970, rounded down to the hour.
        request: A random number, the same for all pictures of one request, below 2 ** 63.
        bundle: Hash of the bundle that answered.
        latency_ms: From the last byte of the request's body to its answers.
        features: What the picture was like.
    """

    hour: int
    request: int
    bundle: str
    latency_ms: float
    features: Features


class Store:
    """A store open for writing, to be used in the thread that opened it.

    Args:
        path: The file; it is made where there is none. Its folder must be there and be writable.
        bounds: How much it holds.

    Raises:
        ConfigError: The file is damaged, or is something else.
        OutsideError: It cannot be opened or written.
    """

    def __init__(self, path: Path, bounds: Bounds | None = None) -> None:
        self._path, self._bounds = path, bounds or Bounds()
        with _told(path):
            self._base = _connect(path, writing=True)
        try:
            with _told(path):
                self._begin()
        except BaseException:
            self._base.close()
            raise

    def append(self, records: Sequence[Record]) -> None:
        """Add rows in one transaction, and drop the oldest ones beyond the bounds.

        Args:
            records: In the order of their answers.

        Raises:
            ConfigError: The file was damaged or replaced meanwhile.
            OutsideError: The disk is full, or the file may not be written any more.
        """
        rows = [
            (one.hour, one.request, one.bundle, one.latency_ms, *dataclasses.astuple(one.features))
            for one in records[-self._bounds.rows :]
        ]
        with _told(self._path):
            self._hold_log()
            try:
                self._insert(rows, self._bounds.rows)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
                # The bytes are used up before the rows: half of the rows make room for new ones.
                self._insert(rows, self._count() // 2)

    def close(self) -> None:
        """Close the file; the last one to do so also removes its log."""
        self._base.close()

    def _begin(self) -> None:
        self._base.execute(f"PRAGMA max_page_count = {max(8, self._bounds.bytes // PAGE_BYTES)}")
        if not self._base.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            self._base.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            (mode,) = self._base.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise OutsideError(str(self._path), "cannot keep a log beside it", "Put it on a local disk")
            with _transaction(self._base):  # another process may be here as well
                self._base.execute(f"PRAGMA application_id = {MAGIC}")
                self._base.execute(f"PRAGMA user_version = {VERSION}")
                self._base.execute(
                    "CREATE TABLE IF NOT EXISTS answers (id INTEGER PRIMARY KEY, hour INTEGER NOT NULL, "
                    f"request INTEGER NOT NULL, bundle TEXT NOT NULL, latency_ms REAL NOT NULL, {_SCHEMA})"
                )
        _require_ours(self._path, self._base)
        self._base.execute("PRAGMA synchronous = NORMAL")

    def _insert(self, rows: Sequence[tuple[object, ...]], keep: int) -> None:
        marks = ", ".join("?" * len(_COLUMNS))
        with _transaction(self._base):
            self._base.execute(
                "DELETE FROM answers WHERE id <= (SELECT max(id) FROM answers) - ?", (keep - len(rows),)
            )
            self._base.executemany(f"INSERT INTO answers ({', '.join(_COLUMNS)}) VALUES ({marks})", rows)  # noqa: S608 -- names of ours

    def _count(self) -> int:
        return int(self._base.execute("SELECT count(*) FROM answers").fetchone()[0])

    def _hold_log(self) -> None:
        """Refuse to write while a reader that never ends keeps the log from being folded in."""
        log = self._path.with_name(self._path.name + "-wal")
        if _size(log) <= self._bounds.bytes:
            return
        self._base.execute("PRAGMA busy_timeout = 0")  # this row is not worth waiting for
        self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._base.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
        if _size(log) > self._bounds.bytes:
            raise OutsideError(str(log), "cannot be folded into its store", "End what keeps the store open")


def _size(file: Path) -> int:
    """Give a file's bytes; 0 for one that is not there, as SQLite removes its log at times."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def read(path: Path) -> list[Record]:
    """Read a store, also while it is being written.

    Args:
        path: The file.

    Returns:
        All rows, the oldest first.

    Raises:
        ConfigError: The file is missing, damaged, or something else.
        OutsideError: It cannot be opened.
    """
    if not path.is_file():
        raise ConfigError(f"feedback store {path}", "is not there", "Name the file of SCANOPS_FEEDBACK")
    with _told(path), contextlib.closing(_connect(path, writing=False)) as base:
        _require_ours(path, base)
        rows = base.execute(f"SELECT {', '.join(_COLUMNS)} FROM answers ORDER BY id").fetchall()  # noqa: S608 -- names of ours
    return [_record(*row) for row in rows]


def _record(hour: int, request: int, bundle: str, latency_ms: float, *described: Any) -> Record:
    return Record(hour, request, bundle, latency_ms, Features(*described))


def _connect(path: Path, *, writing: bool) -> sqlite3.Connection:
    address = path.absolute().as_uri() + ("?mode=rwc" if writing else "?mode=ro")
    if not writing and not path.with_name(path.name + "-wal").exists():
        address += "&immutable=1"  # nobody has it open: it is read as it lies, also from a read-only disk
    # Transactions are begun by hand: the module would begin them too late to wait for another writer.
    base = sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    base.execute("PRAGMA trusted_schema = OFF")
    return base


def _require_ours(path: Path, base: sqlite3.Connection) -> None:
    magic, version = (
        base.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if magic != MAGIC:
        raise ConfigError(f"feedback store {path}", "is the data base of something else", "Name another file")
    if version != VERSION:
        fault = f"has the form {version}, not {VERSION}"
        raise ConfigError(f"feedback store {path}", fault, "Move it away; the service begins a new one")
    (state,) = base.execute("PRAGMA quick_check(1)").fetchone()
    if state != "ok":
        raise sqlite3.DatabaseError(state)


@contextlib.contextmanager
def _transaction(base: sqlite3.Connection) -> Iterator[None]:
    base.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if base.in_transaction:  # a full disk ends it on its own
            base.execute("ROLLBACK")
        raise
    base.execute("COMMIT")


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell SQLite's errors, and those of the disk, in our words."""
    subject = f"feedback store {path}"
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        remedy = "Give a file in a folder on a local disk that this user may write, with room on it"
        raise OutsideError(subject, f"cannot be used ({error})", remedy) from error
    except sqlite3.DatabaseError as error:
        raise ConfigError(
            subject, f"is damaged ({error})", "Move it away; the service begins a new one"
        ) from error
