"""Work in several processes gives what one gives, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import multiprocessing
import os

import pytest

from scanops.workers import each, usable_cores


def _square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def _fail(number: int) -> int:
    if number == 9:
        raise ValueError("nine")
    return number


@pytest.mark.parametrize("workers", [1, 2, None])
def test_results_come_in_order(workers: int | None) -> None:
    """The results are those of `map`, whatever the number of workers."""
    found = list(each(_square, range(30), workers=workers, chunk=4))
    assert [square for square, _ in found] == [n * n for n in range(30)]


def test_few_items_start_no_process() -> None:
    """Fewer items than two chunks are done here: starting processes would cost more."""
    assert {pid for _, pid in each(_square, range(7), workers=2, chunk=4)} == {os.getpid()}
    assert os.getpid() not in {pid for _, pid in each(_square, range(8), workers=2, chunk=4)}


def test_closing_early_ends_the_workers() -> None:
    """Whoever stops reading and closes leaves no process behind."""
    with contextlib.closing(each(_square, range(400), workers=2, chunk=2)) as results:
        next(results)
    assert not multiprocessing.active_children()


def test_a_fault_in_a_worker_is_raised_here() -> None:
    """An exception of the work reaches the caller as it is."""
    with pytest.raises(ValueError, match="nine"):
        list(each(_fail, range(20), workers=2, chunk=2))


def test_cores_are_counted() -> None:
    """There is at least one core, and no more than the machine has."""
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
