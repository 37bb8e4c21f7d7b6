"""The floor under any evaluation: decode every file with Pillow, resize it, run the bare graph.

Run as a program of its own, so that it imports Pillow, NumPy and ONNX Runtime and nothing else.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from PIL import Image

BATCH = 32


def decode(path: str, side_px: int) -> npt.NDArray[np.uint8]:
    """Decode one file to uint8 [side_px, side_px, 3]."""
    with Image.open(path) as image:
        fitted = image.convert("RGB").resize((side_px, side_px), Image.Resampling.BILINEAR)
    return np.asarray(fitted)


def main() -> None:
    """Read the files that standard input names, one a line; the graph runs for the last of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graph")
    parser.add_argument("--answered", type=int, required=True, help="run the graph for the last so many")
    options = parser.parse_args()
    paths = sys.stdin.read().splitlines()
    session = ort.InferenceSession(options.graph, providers=["CPUExecutionProvider"])
    side_px = session.get_inputs()[0].shape[1]
    first, given = len(paths) - options.answered, 0
    with ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
        for start in (*range(0, first, BATCH), *range(first, len(paths), BATCH)):
            end = min(start + BATCH, first if start < first else len(paths))
            batch = np.stack(list(pool.map(partial(decode, side_px=side_px), paths[start:end])))
            if start >= first:
                given += len(session.run(["probabilities"], {"image": batch})[0])
    if given != options.answered:
        sys.exit("not every picture was answered for")


if __name__ == "__main__":
    main()
