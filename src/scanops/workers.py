"""Work on many items in several processes: results in order, nothing left behind when interrupted."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Count the cores that this process may run on, which a container or taskset can limit.

    Returns:
        At least 1.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(
    work: Callable[[Item], Result], items: Sequence[Item], *, workers: int | None, chunk: int
) -> Generator[Result, None, None]:
    """Call a function on each item.

    To be closed (`contextlib.closing`) by whoever may not read to the end: closing waits for the workers.

    Args:
        work: A function that can be pickled.
        items: What to call it on.
        workers: Processes; None takes the cores there are, 1 stays in this process.
        chunk: Items handed to a worker at a time; fewer items than two chunks stay in this process.

    Yields:
        The results, in the order of the items, whatever the number of workers.
    """
    count = workers or usable_cores()
    if count == 1 or len(items) < 2 * chunk:
        yield from map(work, items)
        return
    # Spawned, not forked: a forked copy of another thread's lock can hang.
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        # Ctrl-C goes to the whole group: the workers inherit the mask, and this process ends them.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            results = pool.map(work, items, chunksize=chunk)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        try:
            yield from results
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
