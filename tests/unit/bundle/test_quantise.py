"""Eight bits: smaller, nearly the same answers, the same bytes each time, and nothing but the trunk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanops.bundle import quantise
from scanops.bundle.predictor import OUTPUTS
from scanops.errors import VerdictError
from tests.bundles import make_bundle
from tests.convolutions import convolutional, pictures


def _run(proto: onnx.ModelProto, batch: np.ndarray) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip(OUTPUTS, session.run(list(OUTPUTS), {"image": batch}), strict=True))


def _head(proto: onnx.ModelProto) -> list[str]:
    """Name the operators that make the probabilities, backwards to the first of eight bits."""
    makers = {name: node for node in proto.graph.node for name in node.output}
    seen, name = [], "probabilities"
    while name in makers and makers[name].op_type not in ("DequantizeLinear", "Relu"):
        seen.append(makers[name].op_type)
        name = makers[name].input[0]
    return seen


def _lead(proto: onnx.ModelProto) -> list[str]:
    """Name the operators that the picture goes through before the first of eight bits."""
    takers = {node.input[0]: node for node in proto.graph.node}
    seen, name = [], "image"
    while takers[name].op_type not in ("QuantizeLinear", "Conv"):
        seen.append(takers[name].op_type)
        name = takers[name].output[0]
    return seen


def test_it_is_smaller_and_answers_nearly_the_same() -> None:
    """A third of the bytes at most; embedding and features follow the float graph, labels too."""
    whole = convolutional(width=64)
    small = quantise.quantise(whole, pictures(32))
    assert small.ByteSize() < whole.ByteSize() / 3
    held_out = pictures(64, seed=9)
    before, after = _run(whole, held_out), _run(small, held_out)
    for name in OUTPUTS:
        assert before[name].shape == after[name].shape
        assert np.corrcoef(before[name].ravel(), after[name].ravel())[0, 1] > 0.99, name
    assert (before["probabilities"].argmax(1) == after["probabilities"].argmax(1)).mean() > 0.9


def test_the_same_bytes_twice() -> None:
    """The same graph and pictures give the same file; the graph that was given stays as it was."""
    whole = convolutional()
    given_bytes = whole.SerializeToString(deterministic=True)
    one, other = (
        quantise.quantise(whole, pictures(8)).SerializeToString(deterministic=True) for _ in range(2)
    )
    assert one == other
    assert whole.SerializeToString(deterministic=True) == given_bytes


def test_the_ends_stay_in_float() -> None:
    """The graph keeps its input and outputs; what normalises, and the dense head, are untouched."""
    whole = convolutional()
    small = quantise.quantise(whole, pictures(8))
    assert [value.name for value in small.graph.input] == ["image"]
    assert {value.name for value in small.graph.output} == set(OUTPUTS)
    assert small.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert _head(small) == _head(whole) == ["Softmax", "Add", "MatMul", "ReduceMean"]
    assert _lead(small) == _lead(whole) == ["Cast", "Mul", "Transpose"]
    assert "BatchNormalization" not in {node.op_type for node in small.graph.node}
    weights = [tensor for tensor in small.graph.initializer if len(tensor.dims) == 4]
    assert weights
    assert {tensor.data_type for tensor in weights} == {onnx.TensorProto.INT8}


def test_no_remark_of_a_library_is_left() -> None:
    """No metadata, and no set of operators that the graph does not use: versions would change the bytes."""
    small = quantise.quantise(convolutional(), pictures(8))
    assert not small.metadata_props
    assert {entry.domain for entry in small.opset_import} == {""}
    assert not small.graph.doc_string


def test_a_graph_without_convolutions_is_refused(tmp_path: Path) -> None:
    """Nothing is gained where there is nothing to bring to eight bits, and it says so."""
    graph = onnx.load(make_bundle(tmp_path / "bundle") / "model.onnx")
    with pytest.raises(VerdictError, match="has no convolution"):
        quantise.quantise(graph, pictures(8))


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=60), st.integers(1, 80), st.integers(0, 9))
def test_calibration_pictures_are_spread_over_the_classes(labels: list[str], count: int, seed: int) -> None:
    """Each once, as many as asked for, the same for a seed; no class has two more unless one ran out."""
    chosen = quantise.spread(labels, count, seed)
    assert chosen == sorted(set(chosen)) == quantise.spread(labels, count, seed)
    assert len(chosen) == min(count, len(labels))
    taken = {name: sum(labels[place] == name for place in chosen) for name in set(labels)}
    most = max(taken.values())
    assert all(taken[name] >= most - 1 or taken[name] == labels.count(name) for name in taken)
