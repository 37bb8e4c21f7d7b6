"""From a trained Keras model to a bundle: an ONNX graph from uint8 images to named outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

from scanops import temperature
from scanops.bundle import bundle as bundles
from scanops.bundle import padded_pooling, stable_graph
from scanops.bundle.predictor import HEAD, KEPT, OUTPUTS, Floats
from scanops.digest import hash_file
from scanops.errors import VerdictError


def outputs_of(model: keras.Model) -> keras.Model:
    """Have a classifier give what its bundle gives.

    Args:
        model: A model with layers named as in `training.classifier.build`.

    Returns:
        A model of the same weights with all of `OUTPUTS`, in their order.
    """
    return keras.Model(model.input, [model.get_layer(name).output for name in OUTPUTS])


def convert(model: keras.Model, opset: int) -> onnx.ModelProto:
    """Convert a classifier to ONNX.

    Args:
        model: A model with layers named as in `training.classifier.build`.
        opset: Version of the ONNX operators.

    Returns:
        A graph from `image` uint8 [N, S, S, 3] to `probabilities`, `embedding` and `features`, and to the
        dense layer's `class_weights` float32 [D, K] and `class_biases` float32 [K].
    """
    graph = outputs_of(model)
    signature = (tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8, name="image"),)

    @tf.function(input_signature=signature)
    def answer(image: tf.Tensor) -> dict[str, tf.Tensor]:
        # tf2onnx names a graph's outputs after the operations that make them.
        values = graph(image, training=False)
        return {name: tf.identity(value, name=name) for name, value in zip(OUTPUTS, values, strict=True)}

    proto, _ = tf2onnx.convert.from_function(answer, input_signature=signature, opset=opset)
    _enclose_constants(proto, answer.get_concrete_function())
    _name_ends(proto)
    padded_pooling.make_explicit(proto)
    stable_graph.number_inside(proto)
    _give_head(proto, model)
    onnx.checker.check_model(proto)
    return proto


def pooling(model: keras.Model) -> str:
    """Tell how a classifier's feature map becomes its embedding.

    Args:
        model: See `convert`.

    Returns:
        `average` or `max`.
    """
    greatest = isinstance(model.get_layer("embedding"), keras.layers.GlobalMaxPooling2D)
    return "max" if greatest else "average"


def write(folder: Path, proto: onnx.ModelProto, description: dict[str, object]) -> bundles.Bundle:
    """Write a bundle.

    Args:
        folder: An existing, empty folder.
        proto: What `convert` returns.
        description: The fields of `Bundle`, but for the graph's hash.

    Returns:
        The bundle's description.
    """
    graph = folder / bundles.GRAPH
    graph.write_bytes(proto.SerializeToString(deterministic=True))
    bundle = bundles.Bundle.model_validate({**description, "graph_sha256": hash_file(graph)})
    bundles.write(folder, bundle)
    return bundle


def calibrate(folder: Path, bundle: bundles.Bundle, probabilities: Floats, labels: Sequence[str]) -> float:
    """Fit the temperature, and write it into the bundle's description.

    Args:
        folder: The bundle's folder.
        bundle: What `write` returned.
        probabilities: float32 [N, K] of the graph, for pictures that the network has not learnt from.
        labels: N names of classes.

    Returns:
        The temperature, see `temperature.fit`.
    """
    targets = np.array([bundle.classes.index(label) for label in labels], np.int64)
    fitted = temperature.fit(probabilities, targets)
    bundles.write(folder, bundle.model_copy(update={"temperature": fitted}))
    return fitted


def _give_head(proto: onnx.ModelProto, model: keras.Model) -> None:
    """Add the dense layer's weights as outputs: copies, which nothing that is done to the layer changes."""
    layer = model.get_layer("probabilities").get_weights()
    for name, stored, values in zip(HEAD, KEPT, layer, strict=True):
        kept = values.astype(np.float32)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(kept, stored))
        proto.graph.node.append(onnx.helper.make_node("Identity", [stored], [name], name=name))
        shown = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, kept.shape)
        proto.graph.output.append(shown)


def _enclose_constants(proto: onnx.ModelProto, traced: Any) -> None:
    """Put the constants of layers into the graph, which tf2onnx takes for inputs.

    Keras' `Normalization` and its like hold plain tensors: tracing captures them as it does variables, and
    tf2onnx leaves out only the variables.
    """
    values = traced.captured_inputs
    places = traced.inputs[len(traced.inputs) - len(values) :]
    captured = {place.name: value for place, value in zip(places, values, strict=True)}
    for taken in [value for value in proto.graph.input if value.name in captured]:
        constant = captured[taken.name].numpy()
        proto.graph.initializer.append(onnx.numpy_helper.from_array(constant, taken.name))
        proto.graph.input.remove(taken)


def _name_ends(proto: onnx.ModelProto) -> None:
    """Check the graph's ends, and call their first dimension N."""
    inputs = [value.name for value in proto.graph.input]
    outputs = [value.name for value in proto.graph.output]
    if inputs != ["image"] or set(outputs) != set(OUTPUTS):
        raise VerdictError(
            "the exported graph",
            f"takes {', '.join(inputs)} and gives {', '.join(outputs)}",
            f"It must take image and give {', '.join(OUTPUTS)}: report the architecture",
        )
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
