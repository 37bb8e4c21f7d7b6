"""Pictures of all requests through the graph together."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanops.bundle.predictor import Prediction, Verdict
from scanops.imaging import Pixels
from scanops.serving.batching import Batcher


def tell(batch: Pixels) -> Verdict:
    """Answer each picture with its own brightness: a graph whose answers show whose they are."""
    given = batch.reshape(len(batch), -1).mean(axis=1, keepdims=True).astype(np.float32)
    return Verdict(Prediction(given, given, given), given[:, 0], [None] * len(batch))


def picture(level: int) -> Pixels:
    """Draw a plain picture."""
    return np.full((8, 8, 3), level, np.uint8)


class Gate:
    """Holds every run until it is opened, and notes how many pictures each run had."""

    def __init__(self) -> None:
        self.opened, self.entered = threading.Event(), threading.Semaphore(0)
        self.sizes: list[int] = []

    def run(self, batch: Pixels) -> Verdict:
        """Wait, then answer."""
        self.sizes.append(len(batch))
        self.entered.release()
        assert self.opened.wait(10)
        return tell(batch)


async def answers(batcher: Batcher, levels: list[int]) -> list[float]:
    """Ask for all at once."""
    given = await asyncio.gather(*(batcher.answer(picture(level)) for level in levels))
    return [float(answer.verdict.novelty[answer.row]) for answer in given]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=40), st.integers(1, 3), st.integers(1, 6))
def test_each_gets_its_own_answer_and_no_batch_is_too_large(
    levels: list[int], threads: int, most: int
) -> None:
    """Whatever waits together, answers never change places; all are answered."""
    sizes: list[int] = []

    async def ask() -> list[float]:
        batcher = Batcher(tell, threads, most, sizes.append)
        try:
            return await answers(batcher, levels)
        finally:
            batcher.close()

    assert asyncio.run(ask()) == levels
    assert sum(sizes) == len(levels)
    assert max(sizes) <= most


def test_nobody_waits_for_company_and_what_waits_goes_together() -> None:
    """The first picture starts alone at once; those that come while it runs are one batch."""
    gate = Gate()

    async def ask() -> list[float]:
        batcher = Batcher(gate.run, 1, 4, [].append)
        asked = [asyncio.ensure_future(batcher.answer(picture(level))) for level in range(6)]
        assert await asyncio.to_thread(gate.entered.acquire, timeout=10)
        assert gate.sizes == [1]
        gate.opened.set()
        given = await asyncio.gather(*asked)
        batcher.close()
        return [float(answer.verdict.novelty[answer.row]) for answer in given]

    assert asyncio.run(ask()) == [0, 1, 2, 3, 4, 5]
    assert gate.sizes == [1, 4, 1]


def test_free_threads_share_what_waits() -> None:
    """Four waiting pictures and two free threads make two batches of two, not one of four."""
    gate = Gate()

    async def ask() -> None:
        batcher = Batcher(gate.run, 2, 4, [].append)
        asked = [asyncio.ensure_future(batcher.answer(picture(level))) for level in range(6)]
        for _ in range(2):
            assert await asyncio.to_thread(gate.entered.acquire, timeout=10)
        gate.opened.set()
        await asyncio.gather(*asked)
        batcher.close()

    asyncio.run(ask())
    assert gate.sizes[:2] == [1, 1]
    assert sum(gate.sizes) == 6
    assert max(gate.sizes) <= 4


def test_a_failing_batch_fails_its_own_pictures_alone() -> None:
    """The error reaches who asked, and the next picture is answered."""

    def run(batch: Pixels) -> Verdict:
        if batch.max() == 13:
            raise RuntimeError("this batch")
        return tell(batch)

    async def ask() -> None:
        batcher = Batcher(run, 1, 4, [].append)
        with pytest.raises(RuntimeError, match="this batch"):
            await batcher.answer(picture(13))
        assert await answers(batcher, [5]) == [5]
        batcher.close()

    asyncio.run(ask())


def test_who_has_left_is_not_computed_for() -> None:
    """A picture whose asker was cancelled while it waited takes no place in a batch."""
    gate = Gate()

    async def ask() -> None:
        batcher = Batcher(gate.run, 1, 4, [].append)
        asked = [asyncio.ensure_future(batcher.answer(picture(level))) for level in range(4)]
        assert await asyncio.to_thread(gate.entered.acquire, timeout=10)
        asked[2].cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        given = await asyncio.gather(*asked, return_exceptions=True)
        batcher.close()
        assert isinstance(given[2], asyncio.CancelledError)

    asyncio.run(ask())
    assert gate.sizes == [1, 2]
