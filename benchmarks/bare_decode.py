"""The floor under any scan: read and decode every file with Pillow alone. Prints the seconds.

Run as a program of its own, so that its workers import Pillow and nothing else.
"""

from __future__ import annotations

import io
import multiprocessing
import sys
import time
from pathlib import Path

from PIL import Image

CHUNK = 16


def decode(path: str) -> int:
    """Decode one file.

    Args:
        path: The file.

    Returns:
        Its pixels.
    """
    with Image.open(io.BytesIO(Path(path).read_bytes())) as image:
        width, height = image.convert("RGB").size
    return width * height


def main() -> None:
    """Decode the files that standard input names, one a line, in as many processes as the argument says."""
    paths = sys.stdin.read().splitlines()
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(int(sys.argv[1])) as pool:
        pixels = sum(pool.imap_unordered(decode, paths, chunksize=CHUNK))
    seconds = time.perf_counter() - started
    if not pixels:
        sys.exit("no pixel was decoded")
    print(seconds)


if __name__ == "__main__":
    main()
