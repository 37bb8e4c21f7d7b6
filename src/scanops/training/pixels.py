"""Each picture is decoded once; training then reads a memory-mapped array."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from scanops import imaging


@contextlib.contextmanager
def decoded(
    root: Path, paths: Sequence[str], form: imaging.InputForm, tally: imaging.CropTally | None = None
) -> Iterator[imaging.Pixels]:
    """Decode pictures into one array, which lives in a temporary file.

    The file's pages are the system's cache: a set larger than memory costs disk reads, not a crash.

    Args:
        root: Folder that the paths are relative to.
        paths: As the manifest holds them, see `imaging.locate`.
        form: What the network expects.
        tally: Where to count pictures without a head to crop to.

    Yields:
        uint8 [N, size_px, size_px, 3], in the order of `paths`; gone after the block.

    Raises:
        ImageError: A file that validation let pass cannot be decoded any more.
        OSError: There is no space for the array (TMPDIR says where it would be).
    """

    def fill(index: int) -> None:
        array[index] = imaging.to_input(imaging.read(root, paths[index], form=form), form, tally)

    with tempfile.TemporaryDirectory(prefix="scanops-pixels-") as folder:
        shape = (len(paths), form.size_px, form.size_px, 3)
        place = Path(folder) / "pixels.npy"
        array = np.lib.format.open_memmap(place, "w+", np.uint8, shape)
        # A mapped file on a full disk would kill the process where it is written to: ask for the space now.
        with place.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, place.stat().st_size)
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            done = pool.map(fill, range(len(paths)))
            for _ in tqdm(done, total=len(paths), unit="image", desc="decode", disable=None):
                pass
        yield array
