"""What a bundle costs to run: parameters, and time for one image on one thread."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np
import onnx

from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor

WARM_UP = 3
REPEATS = 30
NUMBERS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8, onnx.TensorProto.UINT8)


def parameters(folder: Path) -> int:
    """Count the numbers that a bundle's graph has learnt.

    Args:
        folder: The bundle's folder.

    Returns:
        Elements of all stored tensors of one axis or more; batch normalisation that was folded into a
        convolution is in them, constants of the input's normalisation as well.
    """
    stored = onnx.load(folder / bundles.GRAPH).graph.initializer
    return sum(int(np.prod(tensor.dims)) for tensor in stored if tensor.dims and tensor.data_type in NUMBERS)


def latency_ms(folder: Path) -> float:
    """Time a bundle: one image a call, one thread, decoding left out.

    Args:
        folder: The bundle's folder.

    Returns:
        The median over 30 calls, in milliseconds.
    """
    predictor = Predictor(folder, threads=1)
    side_px = predictor.bundle.size_px
    image = np.random.default_rng(0).integers(0, 256, (1, side_px, side_px, 3), np.uint8)
    taken = []
    for _ in range(WARM_UP + REPEATS):
        start = time.perf_counter()
        predictor.predict(image)
        taken.append(1000.0 * (time.perf_counter() - start))
    return statistics.median(taken[WARM_UP:])
