"""Max-pooling over a border of zeros, written so that no runtime can mistake it for a border of nothing.

ONNX Runtime folds a `Pad` by zeros into the `MaxPool` behind it (its optimiser `Pad_Fusion`), whose own
padding counts as minus infinity: where all of a window is negative, the answer is another. ResNetV2 has such
windows behind its first convolution.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

# Of what a pooling may say besides kernel, strides and pads, these would change where its windows lie.
OTHERS = ("auto_pad", "ceil_mode", "dilations", "storage_order")


def make_explicit(proto: onnx.ModelProto) -> None:
    """Have each max-pooling pad by itself, and compare the windows at the border with zero.

    Args:
        proto: A graph whose pictures have one size; changed in place.
    """
    graph = proto.graph
    makers = {name: node for node in graph.node for name in node.output}
    pools = [node for node in graph.node if node.op_type == "MaxPool" and node.input[0] in makers]
    pairs = [(pool, pad) for pool in pools if _is_border(pad := makers[pool.input[0]], pool, graph)]
    if not pairs:
        return
    shapes = _shapes(proto)
    for number, (pool, pad) in enumerate(pairs):
        height, width = shapes[pad.input[0]]
        pads = _stored(graph, pad.input[1])
        border = _border((height, width), pads, pool)
        name, inside, outside = f"border_{number}", f"inside_{number}", pool.output[0]
        graph.initializer.append(numpy_helper.from_array(border, name))
        pool.input[0], pool.output[0] = pad.input[0], inside
        pool.attribute.append(helper.make_attribute("pads", [int(pads[at]) for at in (2, 3, 6, 7)]))
        place = list(graph.node).index(pool) + 1
        graph.node.insert(place, helper.make_node("Max", [inside, name], [outside]))
    used = {name for node in graph.node for name in node.input}
    for _, pad in pairs:
        if pad in graph.node and pad.output[0] not in used:
            graph.node.remove(pad)


def _is_border(pad: onnx.NodeProto, pool: onnx.NodeProto, graph: onnx.GraphProto) -> bool:
    """Tell whether a node lays zeros around a pooling's pictures, and nothing else would move its windows."""
    if pad.op_type != "Pad" or len(pool.output) > 1:
        return False
    said = {one.name: helper.get_attribute_value(one) for one in pool.attribute}
    pads = _stored(graph, pad.input[1])
    value = _stored(graph, pad.input[2]) if len(pad.input) > 2 and pad.input[2] else np.zeros(1)
    plain = all(one.s == b"constant" for one in pad.attribute if one.name == "mode")
    moved = any(said.get("pads", [])) or any(name in said for name in OTHERS)
    spatial = len(pads) == 8 and not pads[[0, 1, 4, 5]].any() and (pads >= 0).all()
    # A window that lies in its padding alone is not allowed.
    fits = spatial and (pads[[2, 3, 6, 7]] < np.tile(said["kernel_shape"], 2)).all()
    return bool(plain and fits and not moved and len(pad.input) < 4 and not value.any())


def _stored(graph: onnx.GraphProto, name: str) -> npt.NDArray[Any]:
    """Read a stored tensor; one that is computed reads as not a number, which no condition allows."""
    for tensor in graph.initializer:
        if tensor.name == name:
            return np.asarray(numpy_helper.to_array(tensor)).ravel()
    return np.full(1, np.nan)


def _shapes(proto: onnx.ModelProto) -> dict[str, tuple[int, int]]:
    inferred = onnx.shape_inference.infer_shapes(proto).graph
    sides = {}
    for value in (*inferred.value_info, *inferred.input):
        dimensions = value.type.tensor_type.shape.dim
        if len(dimensions) == 4:
            sides[value.name] = (dimensions[2].dim_value, dimensions[3].dim_value)
    return sides


def _border(size: tuple[int, int], pads: npt.NDArray[Any], pool: onnx.NodeProto) -> npt.NDArray[Any]:
    """Make float32 [1, 1, h, w]: 0 where a window reaches the border, else less than any number."""
    said = {one.name: helper.get_attribute_value(one) for one in pool.attribute}
    reaches = []
    for axis in (0, 1):
        before, after, kernel = int(pads[2 + axis]), int(pads[6 + axis]), said["kernel_shape"][axis]
        stride = said.get("strides", [1, 1])[axis]
        count = (size[axis] + before + after - kernel) // stride + 1
        starts = np.arange(count) * stride - before
        reaches.append((starts < 0) | (starts + kernel > size[axis]))
    touched = reaches[0][:, None] | reaches[1][None, :]
    return np.where(touched, np.float32(0), np.finfo(np.float32).min)[None, None].astype(np.float32)
