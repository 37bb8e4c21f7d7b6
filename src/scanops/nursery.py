"""Where worker processes come from: a fresh process that imports the work once and forks workers from it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from scanops import worker_process
from scanops.errors import OutsideError

# A worker a core: threads of the libraries' own would only fight over the cores, and be cut off by a fork.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Worker:
    """A process that runs one function on chunk after chunk.

    Args:
        channel: To it.
        pid: Its process id; the nursery is its parent.

    Attributes:
        places: Numbers of the items that it still owes an answer for.
        singly: Whether it answers after each item.
    """

    def __init__(self, channel: Connection[Any, Any], pid: int) -> None:
        self.channel = channel
        self.pid = pid
        self.places = range(0)
        self.singly = False

    def give(self, places: range, items: Sequence[Any], *, singly: bool) -> None:
        """Hand over a chunk; only to a worker that owes nothing, so that neither side waits to be read.

        Args:
            places: Numbers of the items.
            items: The items.
            singly: Ask for an answer after each item.
        """
        self.places, self.singly = places, singly
        try:
            self.channel.send((items, singly))
        except (BrokenPipeError, ConnectionResetError):
            return  # it has ended, which shows when it is waited for

    def receive(self) -> tuple[list[Any], BaseException | None]:
        """Take the next answer.

        Returns:
            The results for the first of `places`, and the exception that the one after them raised.

        Raises:
            EOFError: It has died.
        """
        try:
            data = self.channel.recv_bytes()
        except OSError as error:  # reset, or ended in the middle of an answer
            raise EOFError from error
        answer: tuple[list[Any], BaseException | None] = pickle.loads(data)  # noqa: S301 -- our own worker's
        return answer


class Nursery:
    """A process that forks workers on demand.

    Neither a fork of the caller, which would copy the locks of other threads (TensorFlow's, Arrow's, a
    progress bar's) in whatever state they are and can hang, nor multiprocessing's spawn and forkserver, which
    import the caller's main module again in each worker: for a stage that costs more than its scan. Here the
    work's modules are imported once, in a process that has nothing else; a worker, and the next one after a
    death, then takes milliseconds.

    Args:
        work: A function that can be pickled and that a new process can import.

    Raises:
        OutsideError: The process cannot be started.
    """

    def __init__(self, work: Callable[[Any], Any]) -> None:
        # Pickled here, so that a work that cannot be is the caller's error.
        pickled = pickle.dumps(work, pickle.HIGHEST_PROTOCOL)
        self._control, theirs = Pipe()
        with theirs, _undisturbed():
            self._process = subprocess.Popen(
                # -P: the program's own folder is no place to look for modules.
                [sys.executable, "-P", str(worker_process.__file__), str(theirs.fileno())],
                env={**dict.fromkeys(_ONE_THREAD, "1"), **os.environ},
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        try:
            self._control.send(sys.path)
            self._control.send_bytes(pickled)
        except (BrokenPipeError, ConnectionResetError):
            raise self._gone() from None

    def await_ready(self) -> None:
        """Wait until the work is imported.

        Raises:
            Exception: Whatever importing the work raised there.
            OutsideError: The process has ended.
        """
        fault = self._receive()
        if fault is not None:
            raise fault

    def start(self) -> Worker:
        """Fork a worker.

        Raises:
            OutsideError: The nursery has ended, or memory is short.
        """
        channel, theirs = Pipe()
        with theirs, _undisturbed():
            try:
                self._control.send(None)
                with socket.socket(fileno=os.dup(self._control.fileno())) as wire:
                    socket.send_fds(wire, [b"w"], [theirs.fileno()])
            except (BrokenPipeError, ConnectionResetError):
                raise self._gone() from None
            return Worker(channel, self._receive())

    def end(self, worker: Worker) -> str:
        """End a worker at once, if it has not ended by itself.

        Returns:
            How it ended, in words.

        Raises:
            OutsideError: The nursery has ended.
        """
        worker.channel.close()
        with _undisturbed():
            try:
                self._control.send(worker.pid)
            except (BrokenPipeError, ConnectionResetError):
                raise self._gone() from None
            return _describe(os.waitstatus_to_exitcode(self._receive()))

    def close(self) -> None:
        """End the process; workers that have not been ended end with the item they are at."""
        self._control.close()
        self._process.kill()
        self._process.wait()

    def _receive(self) -> Any:
        try:
            return self._control.recv()
        except (EOFError, OSError):
            raise self._gone() from None

    def _gone(self) -> OutsideError:
        how = _describe(self._process.wait())
        return OutsideError("the process that starts workers", f"has ended ({how})", "Free some memory")


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold back signals: Ctrl-C goes to the whole group, and it is this process that ends its workers.

    What is started meanwhile inherits the mask and keeps it, and no question stays without its answer.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _describe(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
