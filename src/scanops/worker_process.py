"""What the processes of `scanops.workers` run: a nursery that knows the work, and the workers it forks.

Only the standard library is imported here: the rest of a start is what the work needs, and the caller's main
module is no part of that (which `multiprocessing` would import again in each process).
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, NoReturn

Work = Callable[[Any], Any]


def raise_workers(control: Connection[Any, Any]) -> None:
    """Import the work once, then fork workers that have it, until the other end closes.

    Args:
        control: To the process that wants workers. It sends where modules are found, then the work, which
            is answered by None or the exception that importing it raised. Then it sends None and the
            socket of a new worker, which is answered by a process id; or such an id, whose process is ended
            and answered by its wait status.
    """
    sys.path[:] = control.recv()
    data = control.recv_bytes()
    try:
        work: Work = pickle.loads(data)  # noqa: S301 -- the process that started this one sent it
    except Exception as error:  # whatever the modules that it imports raise
        control.send_bytes(pickle.dumps(portable(error)))
        return
    gc.freeze()  # or each worker would look through all modules, and copy them by doing so
    control.send(None)
    while True:
        pid = control.recv()
        if pid is None:
            control.send(_fork(control, work))
        else:
            os.kill(pid, signal.SIGKILL)  # not reaped before, so the id is still its own
            control.send(os.waitpid(pid, 0)[1])


def _fork(control: Connection[Any, Any], work: Work) -> int:
    """Start a worker. Nothing but the work's modules was imported here, so no thread of theirs is cut off."""
    with socket.socket(fileno=os.dup(control.fileno())) as wire:
        _, descriptors, _, _ = socket.recv_fds(wire, 1, 1)
    channel: Connection[Any, Any] = Connection(descriptors[0])
    pid = os.fork()
    if pid:
        channel.close()
        return pid
    status = 1
    try:
        control.close()
        serve(channel, work)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        status = 0  # the other end has closed: nobody waits for more
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # without what the nursery would do at its own end


def serve(channel: Connection[Any, Any], work: Work) -> NoReturn:
    """Do chunk after chunk until the other end closes, which is an EOFError or a BrokenPipeError.

    Args:
        channel: To whoever has the items. A chunk is `(items, singly)`: it is answered when it is done, or,
            when `singly`, after each item; the first exception ends a chunk. An answer is a pair: results,
            and the exception that the item after them raised or None.
        work: The function to call.
    """
    while True:
        data = channel.recv_bytes()
        try:
            items, singly = pickle.loads(data)  # noqa: S301 -- the caller sent it
        except Exception as fault:  # whatever an item's own class raises
            channel.send_bytes(_pickle([], fault))
            continue
        for part in ([item] for item in items) if singly else [items]:
            results, error = attempt(work, part)
            channel.send_bytes(_pickle(results, error))
            if error:
                break


def attempt(work: Work, items: Sequence[Any]) -> tuple[list[Any], BaseException | None]:
    """Call a function on each item until one raises.

    Args:
        work: The function.
        items: What to call it on.

    Returns:
        The results, and the exception that the item after them raised, or None.
    """
    results: list[Any] = []
    try:
        for item in items:
            results.append(work(item))  # noqa: PERF401 -- those before a fault are kept
    except BaseException as error:  # also SystemExit: a fault of the work is no end of the process
        return results, error
    return results, None


def _pickle(results: list[Any], error: BaseException | None) -> bytes:
    """Pickle an answer; a result that cannot be pickled becomes the error that says so."""
    try:
        return pickle.dumps((results, error and portable(error)), pickle.HIGHEST_PROTOCOL)
    except Exception as fault:  # whatever a class's own pickling raises
        return pickle.dumps(([], portable(fault)), pickle.HIGHEST_PROTOCOL)


def portable(error: BaseException) -> BaseException:
    """Make an exception fit to be sent to another process.

    Args:
        error: Any exception; its traceback stays behind and is therefore added as a note.

    Returns:
        The same exception, or a RuntimeError of its words where its class does not survive pickling.
    """
    told = "in a worker process:\n" + "".join(traceback.format_exception(error)).rstrip()
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own bytes
    except Exception:  # whatever a class's own pickling raises
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(told)
    return error


def main() -> None:
    """Serve the socket whose number is the one argument."""
    try:
        raise_workers(Connection(int(sys.argv[1])))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the other end has closed; the workers' other ends have too


if __name__ == "__main__":
    main()
