"""Files of all requests in batches: what waits when a thread is free makes one.

Nobody waits for a batch to fill. On a processor a batch costs about as much as its pictures one by one, so
that waiting for company would only add latency. Under load company is there anyway, and a batch then saves
the steps around the graph.

Threads take their work themselves: if the event loop handed it out, a core would rest from the end of each
batch until the loop comes round to it. A batch is a thread's share of what waits, so that none takes all
while another has nothing to do.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

Asked = TypeVar("Asked")
Given = TypeVar("Given")


class _Waiting(NamedTuple, Generic[Asked, Given]):
    item: Asked
    answer: asyncio.Future[Given]


class Batcher(Generic[Asked, Given]):
    """Runs batches in threads, as many at a time as there are threads. To be made in its event loop.

    Args:
        run: Answers items, in their order; an exception in place of an answer is raised for who asked.
            Called in threads, several at a time.
        threads: How many.
        most: Items in one batch at most: an item waits for the batches that run and for those of the items
            that came before it, never for one to fill.
    """

    def __init__(
        self, run: Callable[[list[Asked]], Sequence[Given | Exception]], threads: int, most: int
    ) -> None:
        self._run, self._most = run, most
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting[Asked, Given]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"answer_{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def answer(self, item: Asked) -> Given:
        """Have one item answered.

        Args:
            item: What `run` answers.

        Returns:
            Its answer.

        Raises:
            Exception: What `run` gave in its place, or raised on its batch.
            CancelledError: The batcher was closed before its turn.
        """
        waiting: _Waiting[Asked, Given] = _Waiting(item, self._loop.create_future())
        with self._changed:
            if self._closed:
                raise asyncio.CancelledError
            self._waiting.append(waiting)
            self._changed.notify()
        try:
            return await waiting.answer
        finally:
            del waiting  # an exception would hold this frame, and so itself and the item

    def close(self) -> None:
        """End the threads, after the batches that they run; what still waits is cancelled."""
        with self._changed:
            self._closed = True
            left = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        self._loop.call_soon_threadsafe(_cancel, left)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while batch := self._take():
            given: Sequence[Given | BaseException]
            try:
                given = self._run([one.item for one in batch])
            except BaseException as error:  # told to each who asked
                given = [error] * len(batch)
            self._loop.call_soon_threadsafe(_deliver, batch, given)

    def _take(self) -> list[_Waiting[Asked, Given]]:
        """Wait for work and take a share of it; nothing once the batcher is closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return []
                share = -(-len(self._waiting) // len(self._threads))
                batch = [self._waiting.popleft() for _ in range(min(self._most, share))]
            # Whoever asked may be gone by now.
            if batch := [one for one in batch if not one.answer.done()]:
                return batch


def _deliver(batch: list[_Waiting[Asked, Given]], given: Sequence[Given | BaseException]) -> None:
    for waiting, answer in zip(batch, given, strict=True):
        if waiting.answer.done():
            continue
        if isinstance(answer, BaseException):
            waiting.answer.set_exception(answer)
        else:
            waiting.answer.set_result(answer)


def _cancel(left: list[_Waiting[Asked, Given]]) -> None:
    for waiting in left:
        waiting.answer.cancel()
