"""What an earlier run left does not stand as if it came from a run that failed."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Generator, Mapping
from pathlib import Path

from scanops.errors import Told

State = tuple[int, int, int]
# The first bytes of a Parquet file, and of the page.
_PARQUET, _PAGE = b"PAR1", b"<!doctype html>"


@contextlib.contextmanager
def removed_on_failure(places: Mapping[str, Path]) -> Generator[None, None, None]:
    """Remove the outputs of an earlier run when the work within fails or is interrupted.

    An output that the work has replaced stays: it is of this run. So does a file that is none of ours.

    Args:
        places: Place of each output by its option.

    Raises:
        BaseException: What the work raises, with a note that names what was removed.
    """
    earlier = {option: _state(place) for option, place in places.items()}
    try:
        yield
    except BaseException as error:
        stale = {
            option: place
            for option, place in places.items()
            if (state := _state(place)) and state == earlier[option] and _is_ours(option, place)
        }
        for place in stale.values():
            _remove(place)
        gone = [str(place) for place in stale.values() if not place.exists()]
        if gone:
            error.add_note(Told(f"removed, as they were an earlier run's: {', '.join(gone)}"))
        raise


def _state(place: Path) -> State | None:
    """Tell one output from another that takes its place; None where there is none."""
    try:
        found = place.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _is_ours(option: str, place: Path) -> bool:
    """Say whether a file looks like an output of `validate`; folders were looked at before the work began."""
    if place.is_symlink() or place.is_dir():
        return place.is_dir() and not place.is_symlink()
    try:
        data = place.read_bytes()
        if option == "--json":
            report = json.loads(data)
            return isinstance(report, dict) and {"verdict", "images"} <= set(report)
        return data.startswith(_PARQUET) if option == "--manifest" else data.lstrip()[:15].lower() == _PAGE
    except (OSError, ValueError):
        return False


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            place.unlink()
