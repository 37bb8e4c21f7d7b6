"""Work on many items in several processes: results in order, and an item that kills its process is found."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing import connection
from typing import Any, TypeVar

from scanops.errors import OutsideError
from scanops.nursery import Nursery, Worker

Item = TypeVar("Item")
Result = TypeVar("Result")

# Chunks in flight for each worker: enough that one slow file holds nobody up, few enough to stay small.
WINDOW_CHUNKS = 4
SHARES = 4  # of what is left: a worker gets no more than this part of its own at a time


def usable_cores() -> int:
    """Count the cores that this process may run on, which a container or taskset can limit.

    Returns:
        At least 1.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int | None,
    chunk: int,
    lost: Callable[[Item], Result] | None = None,
) -> Generator[Result, None, None]:
    """Call a function on each item.

    To be closed (`contextlib.closing`) by whoever may not read to the end: closing ends the workers, in
    the middle of their items.

    Args:
        work: A function that can be pickled and that a new process can import. Called twice on items whose
            worker died.
        items: What to call it on.
        workers: Processes; None takes the cores there are, 1 stays in this process, which then dies of what
            a worker would have died of.
        chunk: Items handed to a worker at a time, fewer towards the end. Without `lost`, fewer items than
            two chunks stay in this process.
        lost: Called, in this process, on an item that has ended the process that worked on it, once among
            others and once more alone; what it returns takes the place of the result. Without it such an
            item raises.

    Yields:
        The results, in the order of the items, whatever the number of workers. An exception of the work is
        raised when its item's turn comes.

    Raises:
        OutsideError: No worker can be started, or one dies of an item and there is no `lost`.
    """
    if not len(items):
        return
    count = workers or usable_cores()
    if workers == 1 or (lost is None and (count == 1 or len(items) < 2 * chunk)):
        yield from map(work, items)
        return
    pool = _Pool(work, items, min(count, -(-len(items) // _least(chunk))), chunk)
    with contextlib.closing(pool):
        for answer in pool.answers():
            if isinstance(answer, _Raised):
                raise answer.error
            if isinstance(answer, _Killer):
                yield _replace(items[answer.place], lost, answer)
            else:
                yield answer


class _Raised:
    """Takes the place of a result where the work raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _least(chunk: int) -> int:
    """Give what a worker is worth being started for, and how often those that rest are looked after."""
    return max(1, chunk // SHARES)


class _Killer:
    """Takes the place of a result: the item at `place` ended its process, as `how` says."""

    def __init__(self, place: int, how: str) -> None:
        self.place = place
        self.how = how


def _replace(item: Item, lost: Callable[[Item], Result] | None, killer: _Killer) -> Result:
    if lost is not None:
        return lost(item)
    raise OutsideError(
        f"the worker on {item!r}",
        f"died twice ({killer.how})",
        "Look at that item; where memory is short, end what else holds some",
    )


class _Pool:
    """Workers with a chunk each, and the answers that wait for their turn.

    A chunk whose worker dies is given to a new worker, singly, while the others rest: an answer an item
    tells which one is fatal, and one that only died of its neighbours' hunger for memory gets through.
    What follows the fatal item starts as an ordinary chunk again, so each fatal item costs two workers and
    no sound item is ever blamed.
    """

    def __init__(self, work: Callable[[Any], Any], items: Sequence[Any], count: int, chunk: int) -> None:
        self._items = items
        self._chunk = chunk
        self._window = WINDOW_CHUNKS * chunk * count
        self._next = 0  # the first item that no worker has had
        self._turn = 0  # the item whose answer is due
        self._again: list[range] = []
        self._suspect: list[range] = []
        self._answers: dict[int, Any] = {}
        self._workers: list[Worker] = []
        self._count = count
        self._nursery = Nursery(work)

    def answers(self) -> Iterator[Any]:
        """Give the answer to each item in order."""
        self._nursery.await_ready()
        while self._turn < len(self._items):
            due = self._turn in self._answers
            # Also in between, or workers would rest while a slow reader works through what is there.
            if not due or self._turn % _least(self._chunk) == 0:
                self._hand_out()
                self._collect(timeout_s=0 if due else None)
            if due:
                self._turn += 1
                yield self._answers.pop(self._turn - 1)

    def close(self) -> None:
        """End the workers, wherever they are."""
        # Where the nursery has ended, a worker ends as soon as it sees its channel closed.
        with contextlib.closing(self._nursery), contextlib.suppress(OutsideError):
            while self._workers:
                self._nursery.end(self._workers.pop())

    def _hand_out(self) -> None:
        self._start()
        busy = any(worker.places for worker in self._workers)
        if self._suspect:
            if not busy:
                self._give(self._workers[0], self._suspect.pop(), singly=True)
            return
        for worker in self._workers:
            places = None if worker.places else self._take()
            if places:
                self._give(worker, places, singly=False)

    def _start(self) -> None:
        while len(self._workers) < self._count:
            self._workers.append(self._nursery.start())

    def _take(self) -> range | None:
        if self._again:
            return self._again.pop()
        # Less and less towards the end, where a worker with a whole chunk would keep the others waiting.
        share = -(-(len(self._items) - self._next) // (SHARES * self._count))
        places = range(self._next, self._next + min(self._chunk, share))
        if not places or self._next > self._turn + self._window:
            return None
        self._next = places.stop
        return places

    def _give(self, worker: Worker, places: range, *, singly: bool) -> None:
        worker.give(places, self._items[places.start : places.stop], singly=singly)

    def _collect(self, timeout_s: float | None) -> None:
        """Wait for any worker, and take what it has to say."""
        busy = [worker for worker in self._workers if worker.places]
        spoke = connection.wait([worker.channel for worker in busy], timeout_s)
        for worker in (worker for worker in busy if worker.channel in spoke):
            try:
                results, error = worker.receive()
            except EOFError:
                self._bury(worker)
                continue
            for answer in results if error is None else [*results, _Raised(error)]:
                self._answers[worker.places.start] = answer
                worker.places = worker.places[1:]
            if error:
                worker.places = range(0)  # it stopped there, and so will the reader

    def _bury(self, worker: Worker) -> None:
        self._workers.remove(worker)
        how = self._nursery.end(worker)
        if not worker.singly:
            self._suspect.append(worker.places)
            return
        fatal = worker.places.start
        self._answers[fatal] = _Killer(fatal, how)
        if worker.places[1:]:
            self._again.append(worker.places[1:])
