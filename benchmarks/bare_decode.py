"""The floor under any scan: read and decode every file with Pillow alone. Prints the seconds.

With `--hash` also the SHA-256 of each file and of its pixels: the floor under any scan that has these.
Run as a program of its own, so that its workers import Pillow and nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import multiprocessing
import sys
import time
from functools import partial
from pathlib import Path

from PIL import Image

CHUNK = 16


def decode(path: str, *, hashed: bool) -> int:
    """Decode one file.

    Args:
        path: The file.
        hashed: Hash the file, and its pixels as they are or, where its channels are equal, as grey.

    Returns:
        Its pixels.
    """
    data = Path(path).read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        picture = image.convert("RGB")
    if hashed:
        red, green, blue = (picture.tobytes("raw", channel) for channel in "RGB")
        hashlib.sha256(data).hexdigest()
        hashlib.sha256(red if red == green == blue else picture.tobytes()).hexdigest()
    return picture.width * picture.height


def main() -> None:
    """Decode the files that standard input names, one a line, in as many processes as the argument says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workers", type=int)
    parser.add_argument("--hash", action="store_true")
    options = parser.parse_args()
    paths = sys.stdin.read().splitlines()
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        pixels = sum(pool.imap_unordered(partial(decode, hashed=options.hash), paths, chunksize=CHUNK))
    seconds = time.perf_counter() - started
    if not pixels:
        sys.exit("no pixel was decoded")
    print(seconds)


if __name__ == "__main__":
    main()
