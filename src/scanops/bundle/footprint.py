"""What a bundle costs to run: parameters, and time for one image on one thread."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import HEAD, KEPT, Predictor

WARM_UP = 3
REPEATS = 30
NUMBERS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8, onnx.TensorProto.UINT8)


@dataclass(frozen=True)
class Latency:
    """Time of one call with one image, on one thread, decoding left out.

    Attributes:
        p50_ms: Median, in milliseconds.
        p95_ms: 95th percentile, in milliseconds; on a busy machine it tells of the machine.
    """

    p50_ms: float
    p95_ms: float


def parameters(folder: Path) -> int:
    """Count the numbers that a bundle's graph has learnt.

    Args:
        folder: The bundle's folder.

    Returns:
        Elements of all stored tensors of one axis or more; batch normalisation that was folded into a
        convolution is in them, constants of the input's normalisation as well; the copy of the head is not.
    """
    copies = {*HEAD, *KEPT}  # the former where a graph was made simpler
    stored = [one for one in onnx.load(folder / bundles.GRAPH).graph.initializer if one.name not in copies]
    return sum(int(np.prod(tensor.dims)) for tensor in stored if tensor.dims and tensor.data_type in NUMBERS)


def latency_ms(folder: Path) -> float:
    """Time a bundle: one image a call, one thread, decoding left out.

    Args:
        folder: The bundle's folder.

    Returns:
        The median over 30 calls, in milliseconds.
    """
    return latency(folder).p50_ms


def latency(folder: Path) -> Latency:
    """Time a bundle, see `latency_ms`.

    Args:
        folder: The bundle's folder.

    Returns:
        Percentiles over 30 calls.
    """
    predictor = Predictor(folder, threads=1)
    side_px = predictor.bundle.size_px
    image = np.random.default_rng(0).integers(0, 256, (1, side_px, side_px, 3), np.uint8)
    taken = []
    for _ in range(WARM_UP + REPEATS):
        start = time.perf_counter()
        predictor.predict(image)
        taken.append(1000.0 * (time.perf_counter() - start))
    middle, high = np.percentile(taken[WARM_UP:], (50, 95))
    return Latency(float(middle), float(high))
