"""A smaller and faster graph: the convolutions in eight bits, their ranges measured on training pictures.

Static quantisation by ONNX Runtime: activations are unsigned bytes, weights signed ones with a scale for
each output channel (Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference, §2). What normalises the picture and what follows the feature map stay in
float32: they cost little time, and the answers are sensitive to them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx

from scanops.bundle import stable_graph
from scanops.bundle.predictor import OUTPUTS
from scanops.errors import VerdictError
from scanops.imaging import Pixels

FEATURES = OUTPUTS[-1]
# Pictures in one inference while ranges are measured: its intermediate values are in memory at once.
BATCH = 4
# It would merge the product and the sum of the dense head, which is to stay as it is.
LEFT_OUT = ["MatMulAddFusion"]
# Spares a warning that the graph was not prepared: `_fuse` does what the warning asks for.
PREPARED = {"onnx.quant.pre_process": "onnxruntime.quant"}


def spread(labels: Sequence[str], count: int, seed: int) -> list[int]:
    """Choose pictures, of each class as many while there are any.

    Args:
        labels: N names of classes.
        count: How many to choose; all when there are fewer.
        seed: The same seed chooses the same pictures.

    Returns:
        Places in `labels`, rising.
    """
    named, rng = np.asarray(labels), np.random.default_rng(seed)
    ranks = np.empty(len(named), np.int64)
    for label in np.unique(named):
        members = np.flatnonzero(named == label)
        ranks[members] = rng.permutation(len(members))
    return sorted(np.argsort(ranks, kind="stable")[:count].tolist())


def quantise(proto: onnx.ModelProto, pixels: Pixels) -> onnx.ModelProto:
    """Bring the part of a graph between its first convolutions and its feature map to eight bits.

    Args:
        proto: A float32 graph, see `export.convert`; it is not changed.
        pixels: uint8 [N, S, S, 3], training pictures that the ranges are measured on.

    Returns:
        A graph with the same ends. Equal graphs and pictures give equal bytes.

    Raises:
        VerdictError: There is no convolution to bring to eight bits.
    """
    # Not before the predictor's module, which keeps ONNX Runtime from reporting to its maker.
    from onnxruntime import quantization  # noqa: PLC0415 -- see above

    with tempfile.TemporaryDirectory(prefix="scanops-int8-") as folder:
        fused, small = Path(folder) / "fused.onnx", Path(folder) / "int8.onnx"
        graph = _fuse(proto, fused)
        chosen = trunk(graph)
        if not any(node.op_type == "Conv" for node in chosen):
            remedy = "Leave export.precision at float32"
            raise VerdictError("the graph", "has no convolution before its feature map", remedy)
        quantization.quantize_static(
            fused,
            small,
            _Reader(pixels),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            nodes_to_quantize=[node.name for node in chosen],
        )
        quantised = onnx.load(small)
    _tidy(quantised)
    return quantised


def trunk(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Find the convolutions that the feature map is made by, and what lies between them and it.

    Args:
        proto: A graph with the output `features`.

    Returns:
        Its nodes, in the graph's order; those before every convolution are not among them.
    """
    makers = {name: place for place, node in enumerate(proto.graph.node) for name in node.output}
    needed: set[int] = set()
    waiting = [FEATURES]
    while waiting:
        place = makers.get(waiting.pop())
        if place is not None and place not in needed:
            needed.add(place)
            waiting += proto.graph.node[place].input
    after: set[int] = set()
    for place, node in enumerate(proto.graph.node):  # what a node needs is made before it
        if node.op_type == "Conv" or any(makers.get(name) in after for name in node.input):
            after.add(place)
    return [proto.graph.node[place] for place in sorted(needed & after)]


class _Reader:
    """Hands pictures to the calibration, a few at a time, in order."""

    def __init__(self, pixels: Pixels) -> None:
        starts = range(0, len(pixels), BATCH)
        self._batches: Iterator[Pixels] = (np.asarray(pixels[start : start + BATCH]) for start in starts)

    def get_next(self) -> dict[str, Pixels] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}


def _fuse(proto: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """Fold batch normalisation into the convolutions: in eight bits it would be a rounding of its own."""
    import onnxruntime as ort  # noqa: PLC0415 -- see `quantise`

    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    ort.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"], disabled_optimizers=LEFT_OUT
    )
    fused = onnx.load(path)
    stable_graph.number_inside(fused)  # nodes are chosen by their names, which not every graph gives
    onnx.helper.set_model_props(fused, PREPARED)
    onnx.save(fused, path)
    return fused


def _tidy(proto: onnx.ModelProto) -> None:
    """Leave what the graph needs alone: the libraries' remarks change with their versions."""
    used = {node.domain for node in proto.graph.node}
    operators = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.metadata_props[:]
    del proto.opset_import[:]
    proto.opset_import.extend(operators)
    stable_graph.number_inside(proto)
    onnx.checker.check_model(proto)
