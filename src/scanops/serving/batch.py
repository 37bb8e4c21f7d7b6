"""Answer for every file of a folder: `python -m scanops.serving.batch FOLDER --out predictions.csv`.

Files are read in the order of their paths; hidden ones are passed over. A run that was ended goes on where it
was when it is started again: what is answered stands in a journal beside the output until that is complete.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from types import FrameType
from typing import NoReturn

from tqdm import tqdm

from scanops import filenames, listing, workers
from scanops.bundle import bundle as bundles
from scanops.errors import ConfigError, OutsideError, ScanopsError, VerdictError
from scanops.serving import batch_answers, batch_table
from scanops.serving.batch_answers import Row
from scanops.serving.batch_journal import UNKNOWN, Journal, State

INTERRUPTED = 130


def main() -> None:
    """Run the command, and leave with its exit code: 0, 2, 3 where no file could be used, 4, or 130."""
    options = _options()
    signal.signal(signal.SIGTERM, _interrupt)
    journal = options.out.with_name(options.out.name + ".journal")
    try:
        print(run(options.folder, options.out, journal, options.bundle, options.workers))
    except ScanopsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = (
            "Free some space, or name another output" if full else "Look at it, its permissions and its disk"
        )
        place, fault = str(error.filename or options.out), error.strerror or str(error)
        told = OutsideError(place, fault, f"{remedy}; then run again to go on")
        print(f"error: {told}", file=sys.stderr)
        sys.exit(told.exit_code)
    except KeyboardInterrupt:
        print(f"\ninterrupted: {journal} holds what is answered; run again to go on", file=sys.stderr)
        sys.exit(INTERRUPTED)


def run(folder: Path, out: Path, journal_path: Path, bundle_folder: Path, processes: int | None) -> str:
    """Answer for a folder.

    Args:
        folder: What to answer for, with all below it.
        out: The table to write.
        journal_path: What is kept meanwhile.
        bundle_folder: What answers.
        processes: How many; None for one a core.

    Returns:
        What was done, in a sentence.

    Raises:
        ConfigError: A path is wrong, or the journal is of another bundle.
        VerdictError: Not one file could be used; the table says why for each.
    """
    batch_table.require_form(out)
    bundle, name = bundles.read(bundle_folder), bundles.hash_bundle(bundle_folder)
    files = _find(folder, out, journal_path)
    work = partial(batch_answers.answer, bundle=bundle_folder.absolute(), root=folder.absolute())
    with Journal(journal_path, name) as journal:
        states = {file: _state(folder, file) for file in files}  # before any is read
        fresh = [file for file in files if not journal.knows(file, states[file])]
        each = workers.each(work, fresh, workers=processes, chunk=4, lost=batch_answers.lost)
        known = len(files) - len(fresh)
        with (
            tqdm(total=len(files), initial=known, unit="file", disable=None) as bar,
            contextlib.closing(each) as answered,
        ):
            for file, rows in zip(fresh, answered, strict=True):
                journal.add(file, states[file], rows)
                bar.update(1)
        rows = [row for file in files for row in journal.known[file][1]]
        batch_table.write(out, rows, bundle, name)
        journal.remove()
    if all(row.error for row in rows):
        raise VerdictError(f"folder {folder}", "holds no file that can be used", f"{out} says why for each")
    return f"{out}: {_count(rows, files, known)}, by bundle {name[:12]}. {bundle.notice}"


def _count(rows: Sequence[Row], files: Sequence[str], known: int) -> str:
    failed, silent = sum(row.error is not None for row in rows), sum(row.abstained or False for row in rows)
    before = f", {known} of them before" if known else ""
    return (
        f"{len(files)} files{before}, {len(rows) - failed} pictures answered, {silent} of these abstained "
        f"from, {failed} in error"
    )


def _find(folder: Path, out: Path, journal: Path) -> list[str]:
    if not folder.is_dir():
        raise ConfigError(f"folder {folder}", "is not there", "Name a folder of images")
    ours = {path.resolve() for path in (out, journal)}
    files = [
        path
        for path in listing.find(folder, "Name a folder of images")
        if not any(part.startswith(".") for part in PurePosixPath(path).parts)
        and folder.resolve() / filenames.to_file(path) not in ours
    ]
    if not files:
        raise ConfigError(f"folder {folder}", "holds no file", "Name a folder of images")
    return files


def _state(folder: Path, file: str) -> State:
    try:
        found = os.lstat(folder / filenames.to_file(file))
    except OSError:
        return UNKNOWN  # its row will say so
    return found.st_size, found.st_mtime_ns


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scanops.serving.batch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = os.environ.get("SCANOPS_BUNDLE", "data/bundle")
    parser.add_argument("folder", type=Path, help="with all below it; links are not followed")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=".csv, or .parquet (takes pyarrow)"
    )
    parser.add_argument("--bundle", type=Path, default=default, metavar="DIR")
    parser.add_argument("--workers", type=_positive, metavar="N", help="processes; one a core by default")
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no number of processes")
    return int(text)


if __name__ == "__main__":
    main()
