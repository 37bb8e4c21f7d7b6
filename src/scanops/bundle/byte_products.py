"""Does this processor multiply bytes exactly? One product of matrices tells.

Before VNNI an x86 processor summed two products of an unsigned and a signed byte in sixteen bits, and the
largest overflowed (ONNX Runtime, "Quantize ONNX models", on U8S8 and saturation). ONNX Runtime can take a
slower way around that, and takes it wherever it is told to, also where nothing overflows: there a network in
eight bits would be four times slower for nothing. So this asks the processor, through the same kernels.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

# A graph of one MatMulInteger, uint8 [m, k] by int8 [k, n] to int32 [m, n]: the service has no library that
# writes graphs. A test writes it anew and compares.
GRAPH = (
    b'\x08\x08:b\n\x18\n\x01a\n\x01b\x12\x01c"\rMatMulInteger\x12\x01pZ\x15\n\x01a\x12\x10\n\x0e\x08\x02'
    b"\x12\n\n\x03\x12\x01m\n\x03\x12\x01kZ\x15\n\x01b\x12\x10\n\x0e\x08\x03\x12\n\n\x03\x12\x01k\n\x03"
    b"\x12\x01nb\x15\n\x01c\x12\x10\n\x0e\x08\x06\x12\n\n\x03\x12\x01m\n\x03\x12\x01nB\x04\n\x00\x10\x11"
)
SIDE, LARGEST, LEAST = 64, 255, -128


@cache
def are_exact() -> bool:
    """Multiply the bytes whose products are the largest.

    Returns:
        Whether every sum is right.
    """
    # Not before the predictor's module, which keeps ONNX Runtime from reporting to its maker.
    import onnxruntime as ort  # noqa: PLC0415 -- see above

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return judge(ort.InferenceSession(GRAPH, options, providers=["CPUExecutionProvider"]))


def judge(session: Any) -> bool:
    """See `are_exact`.

    Args:
        session: An ONNX Runtime session of `GRAPH`.
    """
    unsigned = np.full((SIDE, SIDE), LARGEST, np.uint8)
    signed = np.full((SIDE, SIDE), LEAST, np.int8)
    (sums,) = session.run(None, {"a": unsigned, "b": signed})
    return bool((sums == SIDE * LARGEST * LEAST).all())
