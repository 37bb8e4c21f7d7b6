"""What a batch has answered so far, beside its output: one line a file, so that a killed run goes on."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Self

from scanops.errors import ConfigError, OutsideError
from scanops.serving.batch_answers import Row

FORM = 1
SYNC_EVERY = 256  # files between two waits for the disk: so many may be answered anew after a power cut
State = tuple[int, int]  # of a file: size in bytes, time of last change in ns
UNKNOWN: State = (-1, -1)  # of a file that cannot be looked at; it is read again


class Journal:
    """The journal of one output, held by one process at a time.

    Args:
        path: The file; a run that was killed has left it.
        bundle_sha256: Which bundle answers.

    Attributes:
        known: Rows by file, with the file's state when it was read.

    Raises:
        ConfigError: It is of another bundle, is something else, or another process writes it.
        OutsideError: It cannot be written.
    """

    def __init__(self, path: Path, bundle_sha256: str) -> None:
        self.path = path
        self.known: dict[str, tuple[State, list[Row]]] = {}
        self._header = {"scanops_batch": FORM, "bundle_sha256": bundle_sha256}
        self._lines = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _open(path)
        except OSError as error:
            fault = f"cannot be written ({error.strerror})"
            raise OutsideError(str(path), fault, "Name an output in a folder that can be written") from error
        try:
            self._lock()
            self._resume()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Go on from where the last run was."""
        return self

    def __exit__(self, *_raised: object) -> None:
        """Close the file; it stays until `remove`."""
        self._file.close()

    def knows(self, file: str, state: State) -> bool:
        """Tell whether a file needs no reading: it was answered, and has not changed since.

        Args:
            file: Its path.
            state: Its state now.
        """
        return state != UNKNOWN and file in self.known and self.known[file][0] == state

    def add(self, file: str, state: State, rows: Sequence[Row]) -> None:
        """Keep the rows of one file.

        Args:
            file: Its path.
            state: See `State`.
            rows: What was answered.
        """
        self.known[file] = (state, list(rows))
        self._write({"file": file, "state": state, "rows": rows})
        if self._lines % SYNC_EVERY == 0:
            os.fsync(self._file.fileno())

    def remove(self) -> None:
        """Remove the file: the output is complete."""
        self.path.unlink()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                str(self.path), "is being written by another run", "Wait for it, or name another output"
            ) from error

    def _resume(self) -> None:
        good = 0  # bytes up to the end of the last whole line
        for number, line in enumerate(self._file):
            entry = _parse(line)
            if number == 0 and not self._is_ours(line, entry):
                # Somebody's file under this name: what follows would cut it off.
                fault = "is no journal of a batch"
                raise ConfigError(str(self.path), fault, "Move it away, or name another output")
            if entry is None:
                break
            if number == 0:
                self._require_same(entry)
            elif not self._recall(entry):
                break
            good += len(line)
        self._file.truncate(good)
        self._file.seek(good)
        if not good:
            self._write(self._header)

    def _is_ours(self, line: bytes, entry: dict[str, Any] | None) -> bool:
        if entry is not None:
            return "scanops_batch" in entry
        return not line.endswith(b"\n") and json.dumps(self._header).encode().startswith(line)

    def _require_same(self, found: dict[str, Any]) -> None:
        if found != self._header:
            raise ConfigError(
                str(self.path),
                f"was begun with another bundle ({str(found.get('bundle_sha256'))[:12]})",
                "Finish with that bundle, or remove the file to begin anew",
            )

    def _recall(self, entry: dict[str, Any]) -> bool:
        try:
            size, changed_ns = entry["state"]
            rows = [Row(*row)._replace(probabilities=row[2] and tuple(row[2])) for row in entry["rows"]]
            self.known[entry["file"]] = ((size, changed_ns), rows)
        except (KeyError, TypeError, ValueError):
            return False
        return True

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        self._lines += 1


def _open(path: Path) -> IO[bytes]:
    return open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), "r+b")  # noqa: PTH123 -- pathlib cannot refuse a link


def _parse(line: bytes) -> dict[str, Any] | None:
    """Read a line; None where the end was cut off, or a power cut left something else."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
