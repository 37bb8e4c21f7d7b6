"""Items of all requests in batches."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanops.serving.batching import Batcher
from tests.patience import PATIENCE_S


def tell(batch: list[int]) -> list[int | Exception]:
    """Answer each with twice itself: answers that show whose they are."""
    return [2 * item for item in batch]


class Gate:
    """Holds every run until it is opened, and notes how many items each run had."""

    def __init__(self) -> None:
        self.opened, self.entered = threading.Event(), threading.Semaphore(0)
        self.sizes: list[int] = []

    def run(self, batch: list[int]) -> list[int | Exception]:
        """Wait, then answer."""
        self.sizes.append(len(batch))
        self.entered.release()
        assert self.opened.wait(PATIENCE_S)
        return tell(batch)


async def answers(batcher: Batcher[int, int], items: list[int]) -> list[int]:
    """Ask for all at once."""
    return await asyncio.gather(*(batcher.answer(item) for item in items))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=40), st.integers(1, 3), st.integers(1, 6))
def test_each_gets_its_own_answer_and_no_batch_is_too_large(
    items: list[int], threads: int, most: int
) -> None:
    """Whatever waits together, answers never change places; all are answered."""
    sizes: list[int] = []

    def run(batch: list[int]) -> list[int | Exception]:
        sizes.append(len(batch))
        return tell(batch)

    async def ask() -> list[int]:
        batcher = Batcher(run, threads, most)
        try:
            return await answers(batcher, items)
        finally:
            batcher.close()

    assert asyncio.run(ask()) == [2 * item for item in items]
    assert sum(sizes) == len(items)
    assert max(sizes) <= most


def test_nobody_waits_for_company_and_what_waits_goes_together() -> None:
    """The first item starts alone at once; what comes meanwhile goes together, up to a whole batch."""
    gate = Gate()

    async def ask() -> list[int]:
        batcher = Batcher(gate.run, 1, 4)
        first = asyncio.ensure_future(batcher.answer(0))
        assert await asyncio.to_thread(gate.entered.acquire, timeout=PATIENCE_S)
        assert gate.sizes == [1]
        others = [asyncio.ensure_future(batcher.answer(item)) for item in range(1, 11)]
        await asyncio.sleep(0)
        gate.opened.set()
        given = await asyncio.gather(first, *others)
        batcher.close()
        return given

    assert asyncio.run(ask()) == [2 * item for item in range(11)]
    assert gate.sizes == [1, 4, 4, 2]


def test_threads_share_what_waits() -> None:
    """What waits is dealt out over the threads: none takes all while another has nothing to do."""
    gate = Gate()

    async def ask() -> None:
        batcher = Batcher(gate.run, 2, 4)
        asked = [asyncio.ensure_future(batcher.answer(0))]
        assert await asyncio.to_thread(gate.entered.acquire, timeout=PATIENCE_S)
        asked.append(asyncio.ensure_future(batcher.answer(1)))
        assert await asyncio.to_thread(gate.entered.acquire, timeout=PATIENCE_S)
        asked += [asyncio.ensure_future(batcher.answer(item)) for item in range(4)]
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(*asked)
        batcher.close()

    asyncio.run(ask())
    assert gate.sizes == [1, 1, 2, 1, 1]


def test_a_failing_batch_fails_its_own_items_alone() -> None:
    """The error reaches who asked, and the next item is answered."""

    def run(batch: list[int]) -> list[int | Exception]:
        if 13 in batch:
            raise RuntimeError("this batch")
        return tell(batch)

    async def ask() -> None:
        batcher = Batcher(run, 1, 4)
        with pytest.raises(RuntimeError, match="this batch"):
            await batcher.answer(13)
        assert await answers(batcher, [5]) == [10]
        batcher.close()

    asyncio.run(ask())


def test_an_error_in_place_of_an_answer_is_raised_for_its_asker_alone() -> None:
    """The others of the same batch get their answers."""
    gate = Gate()

    def run(batch: list[int]) -> list[int | Exception]:
        gate.run(batch)
        return [ValueError("this one") if item == 13 else item for item in batch]

    async def ask() -> None:
        batcher = Batcher(run, 1, 4)
        asked = [asyncio.ensure_future(batcher.answer(0))]
        assert await asyncio.to_thread(gate.entered.acquire, timeout=PATIENCE_S)
        asked += [asyncio.ensure_future(batcher.answer(item)) for item in (5, 13, 6, 7, 8, 9, 10, 11)]
        await asyncio.sleep(0)
        gate.opened.set()
        given = await asyncio.gather(*asked, return_exceptions=True)
        batcher.close()
        assert isinstance(given.pop(2), ValueError)
        assert given == [0, 5, 6, 7, 8, 9, 10, 11]

    asyncio.run(ask())
    assert gate.sizes[1] == 4


def test_who_has_left_is_not_computed_for() -> None:
    """An item whose asker was cancelled while it waited takes no place in a batch."""
    gate = Gate()

    async def ask() -> None:
        batcher = Batcher(gate.run, 1, 4)
        asked = [asyncio.ensure_future(batcher.answer(0))]
        assert await asyncio.to_thread(gate.entered.acquire, timeout=PATIENCE_S)
        asked += [asyncio.ensure_future(batcher.answer(item)) for item in range(1, 4)]
        await asyncio.sleep(0)
        asked[2].cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        given = await asyncio.gather(*asked, return_exceptions=True)
        batcher.close()
        assert isinstance(given[2], asyncio.CancelledError)

    asyncio.run(ask())
    assert sum(gate.sizes) == 3


def test_what_still_waits_when_it_closes_is_cancelled() -> None:
    """Nobody waits for ever for an answer that no thread will give; who asks later is told at once."""
    gate = Gate()

    async def ask() -> None:
        batcher = Batcher(gate.run, 1, 4)
        asked = [asyncio.ensure_future(batcher.answer(0))]
        assert await asyncio.to_thread(gate.entered.acquire, timeout=PATIENCE_S)
        asked.append(asyncio.ensure_future(batcher.answer(1)))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(asyncio.to_thread(batcher.close))
        given = await asyncio.wait_for(asyncio.gather(asked[1], return_exceptions=True), PATIENCE_S)
        assert isinstance(given[0], asyncio.CancelledError)
        gate.opened.set()
        await closing
        assert await asked[0] == 0
        with pytest.raises(asyncio.CancelledError):
            await batcher.answer(2)

    asyncio.run(ask())
