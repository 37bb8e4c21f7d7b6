"""Max-pooling over a border of zeros gives the same everywhere."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from scanops.bundle import padded_pooling
from scanops.bundle.predictor import Floats

Sides = tuple[int, int]


def draw(size: Sides, kernel: Sides, strides: Sides, pads: list[int], **pool: int) -> onnx.ModelProto:
    """Make a graph that pads by zeros and pools."""
    stored = numpy_helper.from_array(np.array([0, 0, *pads[:2], 0, 0, *pads[2:]], np.int64), "pads")
    nodes = [
        helper.make_node("Pad", ["x", "pads"], ["padded"]),
        helper.make_node("MaxPool", ["padded"], ["y"], kernel_shape=kernel, strides=strides, **pool),
    ]
    ends = (
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2, *size]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2, None, None]),
    )
    graph = helper.make_graph(nodes, "pooling", [ends[0]], [ends[1]], [stored])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(proto: onnx.ModelProto, x: Floats) -> Floats:
    """Run a graph with all that the runtime does to make it quick."""
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    kernel=st.tuples(st.integers(2, 3), st.integers(2, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.lists(st.integers(0, 1), min_size=4, max_size=4),
    seed=st.integers(0, 99),
)
def test_the_runtime_answers_as_the_standard_says(
    size: Sides, kernel: Sides, strides: Sides, pads: list[int], seed: int
) -> None:
    """Whatever window and border, also where all numbers are negative: equal to ONNX's reference."""
    proto = draw(size, kernel, strides, pads)
    x = -np.random.default_rng(seed).random((2, 2, *size), np.float32) - np.float32(0.1)
    x[1] += np.float32(0.6)
    expected = ReferenceEvaluator(proto).run(None, {"x": x})[0]
    padded_pooling.make_explicit(proto)
    onnx.checker.check_model(proto)
    assert [node.op_type for node in proto.graph.node] == ["MaxPool", "Max"]
    np.testing.assert_array_equal(run(proto, x), expected)


@pytest.mark.parametrize(
    ("pads", "pool"), [([2, 2, 2, 2], {}), ([1, 1, 1, 1], {"ceil_mode": 1}), ([-1, 0, 0, 0], {})]
)
def test_what_is_something_else_stays(pads: list[int], pool: dict[str, int]) -> None:
    """Windows in the border alone, windows that lie otherwise, and cutting are left as they are."""
    proto = draw((6, 6), (2, 2), (2, 2), pads, **pool)
    before = proto.SerializeToString()
    padded_pooling.make_explicit(proto)
    assert proto.SerializeToString() == before
