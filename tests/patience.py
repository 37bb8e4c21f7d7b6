"""Waiting for an event. The bound is for what never comes: a machine may be as slow as it likes."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 300.0


def until(holds: Callable[[], object], told: Callable[[], object] = lambda: "it never came") -> None:
    """Wait until something holds.

    Args:
        holds: Asked again and again; anything true ends the wait.
        told: What to say where it never holds.
    """
    given_up = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < given_up, told()
        time.sleep(0.02)
