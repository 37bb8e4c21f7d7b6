"""What ties a worker to the process that started it: its standard input.

A line tells of a worker that has ended, the end of the input that all is to end. The end comes also when that
process is killed, or the connection to its machine breaks.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping

from scanops.errors import OutsideError

VARIABLE = "SCANOPS_TRAIN_LEASH"
# TensorFlow takes up to ten seconds to notice that a peer is gone; after that the rest is for cleaning up.
GRACE_S = 25.0
WORD_S = 5.0
INTERRUPTED = 128 + signal.SIGINT


class Leash:
    """Listens to the process that started this one.

    Args:
        source: File descriptor to read from.

    Attributes:
        told: What was told of a worker that has ended: its name, a colon, and in what way.
        is_cut: Whether all is to end.
    """

    def __init__(self, source: int = 0) -> None:
        self._source = source
        self._heard = threading.Event()
        self.told = ""
        self.is_cut = False

    def start(self) -> None:
        """Listen from now on, in a thread of its own."""
        threading.Thread(target=self._listen, daemon=True).start()

    def word(self) -> str:
        """Wait a moment for what is told of a worker that has ended; empty when nothing is."""
        self._heard.wait(WORD_S)
        return self.told

    def _listen(self) -> None:
        # Not by way of sys.stdin: a thread that waits there holds a lock which the interpreter needs to end.
        while chunk := os.read(self._source, 4096):
            if not self._heard.is_set():
                self.told = chunk.decode(errors="replace").strip()
                self._heard.set()
                fault = f"error: {self.told}, and the training has stopped. Run it again"
                _end_after_grace(OutsideError.exit_code, fault)
        self.is_cut = True
        self._heard.set()
        _end_after_grace(INTERRUPTED, "interrupted: a peer did not answer any more")
        os.kill(os.getpid(), signal.SIGTERM)


def held(environ: Mapping[str, str]) -> Leash | None:
    """Take the leash that `launch` holds.

    Args:
        environ: The environment.

    Returns:
        None when a scheduler or a user started this process.
    """
    if not environ.get(VARIABLE):
        return None
    leash = Leash()
    leash.start()
    return leash


def _end_after_grace(code: int, last_words: str) -> None:
    """End the process if it does not by itself: its main thread may wait for a peer without end."""

    def end() -> None:
        print(last_words, file=sys.stderr, flush=True)
        os._exit(code)

    timer = threading.Timer(GRACE_S, end)
    timer.daemon = True
    timer.start()
