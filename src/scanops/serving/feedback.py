"""Features of what was answered, on their way into a store: beside the requests, never in their way."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from scanops.bundle.predictor import Predictor, Verdict
from scanops.errors import ScanopsError
from scanops.monitoring import features
from scanops.monitoring.store import Bounds, Record, Store
from scanops.serving import logs

PLACE = "SCANOPS_FEEDBACK"
HOUR_S = 3600
REQUESTS_WAITING = 4096
ROWS_A_TRANSACTION = 512
FLUSH_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Asked:
    """A request, made when the last byte of its body has come.

    Attributes:
        number: Random: it says which pictures came together, and nothing else.
        began: On the clock of `time.perf_counter`.
    """

    number: int = field(default_factory=lambda: secrets.randbits(63))
    began: float = field(default_factory=time.perf_counter)


class Feedback:
    """A queue, and one thread that writes what comes out of it.

    Args:
        path: The store's file.
        bundle_sha256: Which bundle answers.
        bounds: How much the store holds.
        waiting: Requests that may wait to be written; more are dropped and counted.

    Attributes:
        kept: Pictures written so far.
        lost: Pictures dropped so far: the queue was full, or the store could not be written.

    Raises:
        ConfigError: The store is damaged, or is something else.
        OutsideError: It cannot be opened or written.
    """

    def __init__(
        self, path: Path, bundle_sha256: str, bounds: Bounds | None = None, waiting: int = REQUESTS_WAITING
    ) -> None:
        self.kept = self.lost = 0
        self._path, self._bundle, self._bounds = path, bundle_sha256, bounds
        Store(path, bounds).close()  # a path that cannot be used is told now, not with the first request
        self._queue: queue.Queue[list[Record] | None] = queue.Queue(waiting)
        self._count = threading.Lock()
        self._ending = False  # nothing comes after what was taken last
        self._thread = threading.Thread(target=self._run, name="feedback", daemon=True)

    def __enter__(self) -> Self:
        """Begin to write; to be called in the process that answers."""
        self._thread.start()
        return self

    def record(
        self, asked: Asked, predictor: Predictor, looks: Sequence[features.Look], verdict: Verdict
    ) -> None:
        """Remember pictures of one request; returns at once, whatever state the store is in.

        Args:
            asked: The request.
            predictor: The bundle.
            looks: N, what `features.look` returned for each picture.
            verdict: The answers for them.
        """
        hour, latency_ms = int(time.time()) // HOUR_S * HOUR_S, (time.perf_counter() - asked.began) * 1e3
        rows = [
            Record(hour, asked.number, self._bundle, round(latency_ms, 1), one)
            for one in features.describe(predictor, looks, verdict)
        ]
        try:
            self._queue.put_nowait(rows)
        except queue.Full:
            self._lose(len(rows))

    def __exit__(self, *_raised: object) -> None:
        """Write what waits, and end; what cannot be written within five seconds is lost."""
        deadline = time.monotonic() + FLUSH_TIMEOUT_S
        try:
            self._queue.put(None, timeout=FLUSH_TIMEOUT_S)
        except queue.Full:
            pass  # the thread is stuck in a store that answers nothing; it ends with the process
        else:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        with contextlib.suppress(queue.Empty):
            while True:
                self._lose(len(self._queue.get_nowait() or ()))
        self._queue.put_nowait(None)  # what told a stuck thread to end was among it
        logs.write(logging.INFO, "feedback", kept=self.kept, lost=self.lost)

    def _lose(self, rows: int) -> None:
        with self._count:
            self.lost += rows

    def _run(self) -> None:
        store, told = None, ""
        while (rows := self._take()) is not None:
            try:
                store = store or Store(self._path, self._bounds)
                store.append(rows)
                self.kept += len(rows)
                told = ""
            except ScanopsError as error:
                self._lose(len(rows))
                if store is not None:
                    store.close()
                store = None  # a disk may have room again: the next rows try anew
                if told != str(error):  # once, not with each request
                    told = str(error)
                    logs.write(logging.ERROR, "feedback", detail=told)
        if store is not None:
            store.close()

    def _take(self) -> list[Record] | None:
        """Wait for rows, then take what else is there; None after the last."""
        rows = None if self._ending else self._queue.get()
        while rows is not None and len(rows) < ROWS_A_TRANSACTION:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:  # another may take what `empty` has just told of
                break
            self._ending = more is None
            if more is None:
                break
            rows = rows + more
        return rows


def from_environment(bundle_sha256: str) -> Feedback | None:
    """Open the store that SCANOPS_FEEDBACK names.

    Args:
        bundle_sha256: Which bundle answers.

    Returns:
        None where nothing is to be remembered.

    Raises:
        ConfigError: The store is damaged, or is something else.
        OutsideError: It cannot be opened or written.
    """
    path = os.environ.get(PLACE)
    return Feedback(Path(path), bundle_sha256) if path else None
