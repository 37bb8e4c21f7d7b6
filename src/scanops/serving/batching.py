"""Pictures of all requests through the graph together: what waits when a thread is free makes a batch.

Nobody waits for a batch to fill. On a processor a batch costs about as much as its pictures one by one (and
beyond a few, more: their intermediate values leave the cache), so that waiting for company would only add
latency. Under load company is there anyway, and a batch then saves the steps around the graph.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np

from scanops.bundle.predictor import Verdict
from scanops.imaging import Pixels


class Answered(NamedTuple):
    """The answer for one picture.

    Attributes:
        verdict: The answers for the batch that it was in.
        row: Its place there.
    """

    verdict: Verdict
    row: int


class _Waiting(NamedTuple):
    pixels: Pixels
    answer: asyncio.Future[Answered]


class Batcher:
    """Runs batches in threads, as many at a time as there are threads. To be made in its event loop.

    Args:
        run: Answers uint8 [N, S, S, 3]; called in threads, several at a time.
        threads: How many.
        most: Pictures in one batch at most: a picture waits for one batch before its own, or for those of
            the pictures that came before it, never for one to fill.
        observe: Told the size of each batch.
    """

    def __init__(
        self, run: Callable[[Pixels], Verdict], threads: int, most: int, observe: Callable[[int], object]
    ) -> None:
        self._run, self._threads, self._most, self._observe = run, threads, most, observe
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="infer")
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()
        self._running = 0

    async def answer(self, pixels: Pixels) -> Answered:
        """Have one picture answered.

        Args:
            pixels: uint8 [S, S, 3].

        Returns:
            Its answer.

        Raises:
            Exception: Whatever the graph raised on its batch.
        """
        item = _Waiting(pixels, self._loop.create_future())
        self._waiting.append(item)
        self._start()
        return await item.answer

    def close(self) -> None:
        """End the threads, after the batches that they run."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> None:
        """Give free threads what waits, to each an equal share."""
        while self._waiting and self._running < self._threads:
            free = self._threads - self._running
            share = min(self._most, -(-len(self._waiting) // free))
            batch = [self._waiting.popleft() for _ in range(share)]
            # Whoever asked may be gone by now.
            batch = [item for item in batch if not item.answer.done()]
            if batch:
                self._running += 1
                self._observe(len(batch))
                done = self._loop.run_in_executor(self._pool, self._run, _stack(batch))
                done.add_done_callback(partial(self._deliver, batch))

    def _deliver(self, batch: list[_Waiting], done: asyncio.Future[Verdict]) -> None:
        self._running -= 1
        self._start()  # first: the thread is idle until then
        failure = asyncio.CancelledError() if done.cancelled() else done.exception()
        for row, item in enumerate(batch):
            if item.answer.done():
                continue
            if failure is not None:
                item.answer.set_exception(failure)
            else:
                item.answer.set_result(Answered(done.result(), row))


def _stack(batch: list[_Waiting]) -> Pixels:
    return batch[0].pixels[None] if len(batch) == 1 else np.stack([item.pixels for item in batch])
