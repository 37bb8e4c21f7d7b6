"""Work in several processes gives what one gives, survives a death, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanops import workers
from scanops.errors import OutsideError
from scanops.nursery import Nursery, Worker
from scanops.workers import each, usable_cores
from tests.patience import PATIENCE_S, until
from tests.unit import worker_tasks

ROOT = Path(__file__).parents[2]


def _lost(number: int) -> int:
    return 10_000 + number


MARK = "SCANOPS_TEST_MARK"


def _marked(mark: str) -> set[int]:
    """Name the running processes that have inherited a mark: children, theirs, and orphans."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
    return found


@pytest.fixture(autouse=True)
def mark(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Mark what a test starts, and hold for every test: no process of it outlives it."""
    mark = str(time.monotonic_ns())
    monkeypatch.setenv(MARK, mark)
    yield mark
    until(lambda: not _marked(mark), lambda: "a process outlives its test")


@pytest.mark.parametrize("count", [1, 2, 3, None])
def test_results_come_in_order(count: int | None) -> None:
    """The results are those of `map`, whatever the number of workers."""
    found = list(each(worker_tasks.square, range(30), workers=count, chunk=4))
    assert [square for square, _ in found] == [n * n for n in range(30)]


def test_few_items_start_no_process() -> None:
    """Fewer items than two chunks are done here: starting processes would cost more."""
    assert {pid for _, pid in each(worker_tasks.square, range(7), workers=2, chunk=4)} == {os.getpid()}
    assert os.getpid() not in {pid for _, pid in each(worker_tasks.square, range(8), workers=2, chunk=4)}


def test_no_items_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to do is done at once: a scan in which nothing changed pays for no worker."""
    monkeypatch.setattr(workers, "Nursery", None)
    assert list(each(worker_tasks.square, [], workers=2, chunk=4, lost=_lost)) == []


def test_one_item_that_may_kill_is_not_done_here() -> None:
    """Whoever says what to do about a death is protected from it, however few the items."""
    kill = partial(worker_tasks.die, {0}, "SIGSEGV")
    assert list(each(kill, [0], workers=2, chunk=4, lost=_lost)) == [10_000]


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSEGV", "SIGABRT", "exit"])
def test_a_death_loses_the_item_that_caused_it(how: str) -> None:
    """However a worker dies, exactly the fatal items are replaced, and all others have their results."""
    killers = {0, 5, 6, 17, 39}
    found = list(each(partial(worker_tasks.die, killers, how), range(40), workers=2, chunk=4, lost=_lost))
    assert found == [_lost(n) if n in killers else -n for n in range(40)]


@settings(max_examples=8, deadline=None)
@given(st.sets(st.integers(0, 24), max_size=3), st.integers(1, 9), st.integers(2, 3))
def test_any_mixture_of_killers_is_found(killers: set[int], chunk: int, count: int) -> None:
    """Killers side by side, at a chunk's ends, first and last: each is found and nothing else is lost."""
    work = partial(worker_tasks.die, killers, "SIGKILL")
    found = list(each(work, range(25), workers=count, chunk=chunk, lost=_lost))
    assert found == [_lost(n) if n in killers else -n for n in range(25)]


def test_a_killer_costs_two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each killer is tried twice and no more; each other item of its chunk is done twice at most."""
    started = []

    class Counted(Nursery):
        def start(self) -> Worker:
            started.append(1)
            return super().start()

    monkeypatch.setattr(workers, "Nursery", Counted)
    work = partial(worker_tasks.count, tmp_path, {3, 4, 30})
    list(each(work, range(40), workers=2, chunk=8, lost=_lost))
    calls = [path.name.split("-")[0] for path in tmp_path.iterdir()]
    assert [calls.count(str(killer)) for killer in (3, 4, 30)] == [2, 2, 2]
    assert max(calls.count(str(number)) for number in range(40)) <= 3
    assert len(started) <= 2 + 2 * 3


def test_a_sound_item_survives_a_death_that_was_not_its_fault(tmp_path: Path) -> None:
    """A worker that is killed from outside loses nothing: its item is tried again, alone."""
    work = partial(worker_tasks.die_once, tmp_path)
    assert list(each(work, range(40), workers=2, chunk=4, lost=_lost)) == [-n for n in range(40)]


def test_a_death_without_a_substitute_names_the_item() -> None:
    """Where nobody says what to put in its place, the message names the item and the way it died."""
    with pytest.raises(OutsideError, match=r"worker on 9: died twice \(SIGKILL\)"):
        list(each(partial(worker_tasks.die, {9}, "SIGKILL"), range(20), workers=2, chunk=2))


def test_an_interpreter_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """When no worker can begin, no item is blamed, and nothing is tried for ever."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(OutsideError, match=r"has ended \(exit code 1\)"):
        list(each(worker_tasks.square, range(20), workers=2, chunk=2, lost=lambda n: (n, n)))


def test_closing_early_ends_the_workers(mark: str) -> None:
    """Whoever stops reading and closes leaves no process behind, not even for a moment."""
    with contextlib.closing(each(worker_tasks.sleepy, range(400), workers=2, chunk=100)) as results:
        next(results)
        assert len(_marked(mark)) == 3  # the nursery and two workers
    assert not _marked(mark)


def test_the_end_of_the_nursery_is_told(mark: str) -> None:
    """A nursery that is killed from outside ends the work with exit code 4, and its workers with it."""
    results = each(partial(worker_tasks.die, {39}, "SIGKILL"), range(40), workers=2, chunk=2, lost=_lost)
    next(results)
    os.kill(min(_marked(mark)), signal.SIGKILL)
    with pytest.raises(OutsideError, match=r"starts workers: has ended \(SIGKILL\)"):
        list(results)


class Unreadable:
    """An item that can be sent and not received."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return int, ("no number",)


def test_an_item_that_cannot_be_received_kills_nobody() -> None:
    """It is the error that it is, and no item is called fatal."""
    with pytest.raises(ValueError, match="no number"):
        list(each(worker_tasks.square, [Unreadable()] * 8, workers=2, chunk=2, lost=_lost))


def test_a_fault_in_a_worker_is_raised_here() -> None:
    """An exception of the work reaches the caller as it is, in its turn, with the worker's own traceback."""
    results = each(worker_tasks.fail, range(20), workers=2, chunk=2)
    assert [next(results) for _ in range(9)] == list(range(9))
    with pytest.raises(ValueError, match="nine") as caught:
        next(results)
    assert str(caught.value) == "nine"
    assert "worker_tasks.py" in caught.value.__notes__[0]


def test_a_fault_while_items_are_tried_again_is_raised_in_its_turn() -> None:
    """An exception beside a killer neither hides a result before it nor blames another item."""
    results = each(worker_tasks.die_of_8_fail_at_10, range(20), workers=2, chunk=6, lost=_lost)
    assert [next(results) for _ in range(10)] == [0, 1, 2, 3, 4, 5, 6, 7, 10_008, 9]
    with pytest.raises(ValueError, match="ten"):
        next(results)


@pytest.mark.parametrize(
    ("work", "error", "message"),
    [
        (worker_tasks.refuse, Exception, "the number: is 0. Choose another"),
        (worker_tasks.unpicklable, Exception, "lambda"),
        (worker_tasks.leave, SystemExit, "0"),
    ],
)
def test_what_does_not_survive_the_way_is_still_told(
    work: object, error: type[BaseException], message: str
) -> None:
    """An error or a result that cannot be pickled, and a call of sys.exit, arrive as an error."""
    with pytest.raises(error, match=message):
        list(each(work, range(8), workers=2, chunk=2, lost=_lost))


def test_work_that_a_worker_cannot_import_is_told() -> None:
    """A function of a module that exists only here is an ImportError, not a death."""
    module = type(sys)("only_here")
    exec("def work(item): return item", module.__dict__)  # noqa: S102 -- a module without a file
    sys.modules["only_here"] = module
    try:
        with pytest.raises(ModuleNotFoundError, match="only_here"):
            list(each(module.work, range(8), workers=2, chunk=2, lost=_lost))
    finally:
        del sys.modules["only_here"]


def test_large_results_and_items_do_not_block() -> None:
    """Messages larger than a socket's buffer pass in both directions."""
    assert list(each(worker_tasks.large, range(40), workers=2, chunk=8)) == [
        worker_tasks.large(n) for n in range(40)
    ]
    items = [bytes([n]) * 300_000 for n in range(24)]
    assert list(each(len, items, workers=2, chunk=4)) == [300_000] * 24


class _Watched(Sequence[int]):
    """A million items that note how far ahead of the reader they are asked for."""

    asked = 0

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, place: Any) -> Any:
        self.asked = max(self.asked, place.stop)
        return range(len(self))[place]


def test_work_in_flight_is_bounded() -> None:
    """A million items are not handed out at once: workers wait for a reader that rests."""
    items = _Watched()
    with contextlib.closing(each(worker_tasks.square, items, workers=2, chunk=4)) as results:
        for _ in range(3):
            next(results)
            time.sleep(0.05)
        assert items.asked <= (workers.WINDOW_CHUNKS + 1) * 4 * 2 + 8


def test_worker_count_changes_no_bit() -> None:
    """Floating-point results are the same in one process and in three."""
    assert list(each(worker_tasks.tiny, range(50), workers=1, chunk=3)) == list(
        each(worker_tasks.tiny, range(50), workers=3, chunk=3)
    )


MAIN = """
import contextlib, sys, time
sys.stdout.write("main imported\\n"); sys.stdout.flush()
from tests.unit.worker_tasks import sleepy
from scanops.workers import each
if __name__ == "__main__":
    with contextlib.closing(each(sleepy, range(1000), workers=2, chunk=2)) as results:
        for result in results:
            print("pid", result, flush=True)
"""


def _alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and is not reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_of_the_caller_ends_the_workers(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C to the whole group ends all without a word from a worker; a killed caller takes them along."""
    program = tmp_path / "program.py"
    program.write_text(MAIN, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(program)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(8)]
    assert lines.count("main imported\n") == 1, "a worker imported the caller's main module"
    found = {int(line.split()[1]) for line in lines if line.startswith("pid")}
    if number == signal.SIGKILL:
        process.kill()
    else:
        os.killpg(process.pid, number)
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -number
    assert stderr.count("Traceback") == (1 if number == signal.SIGINT else 0), stderr
    until(lambda: not any(map(_alive, found)), lambda: "a worker outlives its caller")


def test_cores_are_counted() -> None:
    """There is at least one core, and no more than the machine has."""
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
