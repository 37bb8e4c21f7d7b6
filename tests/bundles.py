"""A bundle small enough to make in each test: average colour, one dense layer, softmax."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from scanops.bundle import abstain
from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.digest import hash_file
from scanops.model_rules import Abstention
from tests.heads import Head

HASHES = {"data": "d" * 64, "params": "a" * 64}


def make_bundle(
    folder: Path,
    classes: tuple[str, ...] = ("left", "right", "none"),
    size_px: int = 32,
    crop: Literal["none", "brain"] = "none",
) -> Path:
    """Write a bundle that answers by brightness and colour.

    Args:
        folder: Where to; it is made.
        classes: At least two names.
        size_px: Side of the square input; a multiple of 8.
        crop: What is cut away before that.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_model(len(classes), size_px), folder / bundles.GRAPH)
    description = bundles.Bundle(
        classes=classes,
        architecture="mean_colour",
        size_px=size_px,
        fit="pad",
        crop=crop,
        pooling="average",
        graph_sha256=hash_file(folder / bundles.GRAPH),
        model_sha256="e" * 64,
        data_sha256=HASHES["data"],
        params_sha256=HASHES["params"],
    )
    bundles.write(folder, description)
    return folder


def teach_heads(folder: Path, count: int = 130) -> None:
    """Teach a bundle of classes `a` and `b` and side 64 to abstain from what is no head of `tests.heads`."""
    plain = Predictor(folder)
    train, val = (heads(first, count) for first in (0, 1000))
    abstain.teach(plain, train, val, Abstention(max_false_rejection=0.05, low_confidence_share=0.5))


def heads(first: int, count: int) -> abstain.Sample:
    """Draw heads of two brightnesses, 64 px, each a group of its own; another `first` draws others."""
    pixels = [Head(64, 64, level=80 + 60 * (n % 2) + n % 7).draw(first + n) for n in range(count)]
    return abstain.Sample(
        np.stack(pixels), ["ab"[n % 2] for n in range(count)], [f"g{first + n}" for n in range(count)]
    )


def _model(classes: int, size_px: int) -> onnx.ModelProto:
    width = 5
    random = np.random.default_rng(7)
    weights = {
        "scale": np.array(1 / 255, np.float32),
        "expand": random.normal(size=(3, width)).astype(np.float32),
        "head": random.normal(scale=3.0, size=(width, classes)).astype(np.float32),
        "bias": np.linspace(-1.0, 1.0, classes, dtype=np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        node("Mul", ["real", "scale"], ["scaled"]),
        node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        node("AveragePool", ["planes"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        node("Transpose", ["pooled"], ["cells"], perm=[0, 2, 3, 1]),
        node("MatMul", ["cells", "expand"], ["features"]),
        node("ReduceMean", ["features"], ["embedding"], axes=[1, 2], keepdims=0),
        node("MatMul", ["embedding", "head"], ["weighed"]),
        node("Add", ["weighed", "bias"], ["logits"]),
        node("Softmax", ["logits"], ["probabilities"], axis=-1),
        node("Identity", ["head"], ["class_weights"]),
        node("Identity", ["bias"], ["class_biases"]),
    ]
    value = helper.make_tensor_value_info
    cells = size_px // 8
    graph = helper.make_graph(
        nodes,
        "mean_colour",
        [value("image", TensorProto.UINT8, ["N", size_px, size_px, 3])],
        [
            value("probabilities", TensorProto.FLOAT, ["N", classes]),
            value("embedding", TensorProto.FLOAT, ["N", width]),
            value("features", TensorProto.FLOAT, ["N", cells, cells, width]),
            value("class_weights", TensorProto.FLOAT, [width, classes]),
            value("class_biases", TensorProto.FLOAT, [classes]),
        ],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    # An IR version that every supported ONNX Runtime reads.
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
