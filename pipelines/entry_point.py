"""What every entry point shares: arguments, exit codes, and one message for a user's mistake."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from tqdm import tqdm

from scanops.errors import OutsideError, ScanopsError, Told
from scanops.release.reproduce import EXIT_CODE_FILE, INTERRUPTED

REMEDIES = {
    errno.ENOSPC: "Free some, then run again",
    errno.EDQUOT: "Free some, then run again",
    errno.EACCES: "Run as a user who may, or change its permissions",
    errno.EPERM: "Run as a user who may, or change its permissions",
    errno.EROFS: "Run in a folder that can be written",
}
# TensorFlow tells of each library that it looks for; set before it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def arguments(doc: str | None, **paths: str) -> argparse.Namespace:
    """Parse the command line of a stage: `--params` and one required option a path.

    Args:
        doc: The module's docstring, shown by `--help`.
        **paths: Name of each path (underscores become dashes) and what it holds.

    Returns:
        A namespace with a `Path` for each name, and `params`.
    """
    command = parser(doc)
    for name, meaning in paths.items():
        option = "--" + name.replace("_", "-")
        command.add_argument(option, type=Path, required=True, metavar="PATH", help=meaning)
    return command.parse_args()


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Begin a command line: the module's docstring for `--help`, and `--params`."""
    begun = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    begun.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="FILE", help="the knobs")
    return begun


def bar(what: str, total: int) -> tqdm[Any]:
    """Show the progress of one piece of work on a terminal; see `data.gather.Progress`."""
    return tqdm(total=total, unit="image", desc=what, disable=None)


def cache_folder() -> Path:
    """Return where downloads and earlier scans are kept: SCANOPS_CACHE, or the user's cache."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("SCANOPS_CACHE") or caches / "scanops")


def run(main: Callable[[], None]) -> NoReturn:
    """Call an entry point and leave with its exit code (DESIGN: 0, 1, 2, 3, 4; 130 when interrupted).

    Args:
        main: Does the work, and raises `ScanopsError` for what a user can mend.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        main()
    except ScanopsError as error:
        _tell(error)
    except KeyboardInterrupt as stop:
        print("\ninterrupted: unfinished outputs were removed", *_notes(stop), sep="\n", file=sys.stderr)
        leave(INTERRUPTED)
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        place = str(error.filename or "disk")
        _tell(OutsideError(place, f"{error.strerror}".lower(), REMEDIES[error.errno]), *_notes(error))
    sys.exit(0)


def _notes(error: BaseException) -> list[str]:
    """Give what was added on the way up for the reader of the message."""
    return [note for note in getattr(error, "__notes__", ()) if isinstance(note, Told)]


def _tell(error: ScanopsError, *notes: str) -> NoReturn:
    print(f"error: {error}", *_notes(error), *notes, sep="\n", file=sys.stderr)
    leave(error.exit_code)


def leave(code: int) -> NoReturn:
    """Leave with an exit code, and note it for `repro`; what it means has been told."""
    if os.environ.get(EXIT_CODE_FILE):
        Path(os.environ[EXIT_CODE_FILE]).write_text(str(code), encoding="utf-8")
    sys.exit(code)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
