"""A graph with convolutions and batch normalisation, small enough to quantise in a test."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

CLASSES = 3


def pictures(count: int, size_px: int = 16, seed: int = 3) -> npt.NDArray[np.uint8]:
    """Draw uint8 [count, size_px, size_px, 3] noise of many colours and contrasts."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (count, size_px, size_px, 3))
    return (noise * rng.uniform(0.1, 1.0, (count, 1, 1, 3))).astype(np.uint8)


def convolutional(size_px: int = 16, width: int = 16, spoilt: bool = False) -> onnx.ModelProto:
    """Build a classifier of two convolutions.

    Args:
        size_px: Side of the square input.
        width: Channels.
        spoilt: In the second convolution one weight of each channel is many thousand times the others,
            and reads a channel that is always zero: in eight bits the others round to nothing.

    Returns:
        A float32 graph as `export.convert` makes them.
    """
    rng = np.random.default_rng(7)
    first = rng.normal(scale=0.3, size=(width, 3, 3, 3))
    second = rng.normal(scale=0.1, size=(width, width, 3, 3))
    shift = rng.normal(scale=0.1, size=width)
    if spoilt:
        first[0], shift[0] = 0.0, -1.0
        second[:, 0, 0, 0] = 1e4
    weights = {
        "scale": np.array(1 / 128),
        "first": first,
        "gamma": rng.uniform(0.5, 2.0, width),
        "shift": shift,
        "mean": np.zeros(width) if spoilt else rng.normal(scale=0.1, size=width),
        "variance": rng.uniform(0.5, 2.0, width),
        "second": second,
        "head": rng.normal(scale=3.0, size=(width, CLASSES)),
        "bias": np.zeros(CLASSES),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        node("Mul", ["real", "scale"], ["scaled"]),
        node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        node("Conv", ["planes", "first"], ["raw"], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["raw", "gamma", "shift", "mean", "variance"], ["normed"]),
        node("Relu", ["normed"], ["lit"]),
        node("MaxPool", ["lit"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["pooled", "second"], ["mixed"], pads=[1, 1, 1, 1]),
        node("Relu", ["mixed"], ["map"]),
        node("Transpose", ["map"], ["features"], perm=[0, 2, 3, 1]),
        node("ReduceMean", ["map"], ["embedding"], axes=[2, 3], keepdims=0),
        node("MatMul", ["embedding", "head"], ["product"]),
        node("Add", ["product", "bias"], ["logits"]),
        node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    value, side = helper.make_tensor_value_info, size_px // 2
    graph = helper.make_graph(
        nodes,
        "convolutional",
        [value("image", TensorProto.UINT8, ["N", size_px, size_px, 3])],
        [
            value("probabilities", TensorProto.FLOAT, ["N", CLASSES]),
            value("embedding", TensorProto.FLOAT, ["N", width]),
            value("features", TensorProto.FLOAT, ["N", side, side, width]),
        ],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return _balance(proto, size_px)


def _balance(proto: onnx.ModelProto, size_px: int) -> onnx.ModelProto:
    """Set the bias so that each class is likely for some pictures."""
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (embedding,) = session.run(["embedding"], {"image": pictures(64, size_px)})
    stored = {tensor.name: tensor for tensor in proto.graph.initializer}
    bias = -embedding.mean(axis=0) @ numpy_helper.to_array(stored["head"])
    stored["bias"].CopyFrom(numpy_helper.from_array(bias.astype(np.float32), "bias"))
    return proto
