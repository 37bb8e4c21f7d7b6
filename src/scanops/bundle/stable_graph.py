"""Names that depend on nothing but the graph, so that equal graphs give equal bytes."""

from __future__ import annotations

import onnx


def number_inside(proto: onnx.ModelProto) -> None:
    """Name what is inside by its place: tf2onnx numbers it in an order that changes from run to run.

    Stored tensors that no node reads and no output gives are left out. A graph that holds graphs of its own
    stays as it is.

    Args:
        proto: Changed in place; its inputs and outputs keep their names.
    """
    graph = proto.graph
    if any(attribute.HasField("g") for node in graph.node for attribute in node.attribute):
        return  # a subgraph may use any of these names
    ends = {value.name for value in (*graph.input, *graph.output)}
    names: dict[str, str] = {}

    def named(name: str) -> str:
        return name if not name or name in ends else names.setdefault(name, f"value_{len(names)}")

    for place, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{place}"
        node.input[:] = [named(name) for name in node.input]
        node.output[:] = [named(name) for name in node.output]
    # What is given as it is stored is used by no node.
    used = [weights for weights in graph.initializer if weights.name in names or weights.name in ends]
    for weights in used:
        weights.name = names.get(weights.name, weights.name)
    used.sort(key=lambda weights: (weights.name in ends, len(weights.name), weights.name))
    graph.doc_string = ""  # counts the functions that were traced before
    del graph.value_info[:]
    del graph.initializer[:]
    graph.initializer.extend(used)
