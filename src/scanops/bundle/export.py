"""From a trained Keras model to a bundle: an ONNX graph from uint8 images to named outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

from scanops import temperature
from scanops.bundle import bundle as bundles
from scanops.bundle import stable_graph
from scanops.bundle.predictor import HEAD, KEPT, OUTPUTS, Floats, Predictor
from scanops.digest import hash_file
from scanops.errors import VerdictError
from scanops.imaging import Pixels

BATCH = 32
# Answers that spread over so many tolerances would show a graph that gives others.
TELLING = 10
# Softmax keeps a probability within 0 and 1, while rounding adds up in features over a hundred layers.
LOOSER = 10


@dataclass(frozen=True)
class Parity:
    """How closely a bundle follows the model it came from.

    Attributes:
        images: How many were compared.
        same_label: How many got the same label from both.
        max_difference: Largest difference of any probability.
        max_relative: Largest difference of any number of an output, as a share of the largest absolute number
            that the model gives there, by the output's name.
        spread: Largest difference of a class's probability between two images, in [0, 1].
        probabilities: float32 [N, K], what the bundle's graph gave.
    """

    images: int
    same_label: int
    max_difference: float
    max_relative: Mapping[str, float]
    spread: float
    probabilities: Floats

    def __str__(self) -> str:
        """Say it in a part of a sentence."""
        return (
            f"same label as the model for {self.same_label} of {self.images} images, probabilities within "
            f"{self.max_difference:.1e} (they spread over {self.spread:.2g}), features within "
            f"{self.max_relative['features']:.1e} of the largest"
        )


def convert(model: keras.Model, opset: int) -> onnx.ModelProto:
    """Convert a classifier to ONNX.

    Args:
        model: A model with layers named as in `training.classifier.build`.
        opset: Version of the ONNX operators.

    Returns:
        A graph from `image` uint8 [N, S, S, 3] to `probabilities`, `embedding` and `features`, and to the
        dense layer's `class_weights` float32 [D, K] and `class_biases` float32 [K].
    """
    graph = _three_outputs(model)
    signature = (tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8, name="image"),)

    @tf.function(input_signature=signature)
    def answer(image: tf.Tensor) -> dict[str, tf.Tensor]:
        # tf2onnx names a graph's outputs after the operations that make them.
        values = graph(image, training=False)
        return {name: tf.identity(value, name=name) for name, value in zip(OUTPUTS, values, strict=True)}

    proto, _ = tf2onnx.convert.from_function(answer, input_signature=signature, opset=opset)
    _enclose_constants(proto, answer.get_concrete_function())
    _name_ends(proto)
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


def compare(model: keras.Model, folder: Path, pixels: Pixels) -> Parity:
    """Compare a model and its bundle's graph on the same images; calibration comes after both.

    Args:
        model: The trained model.
        folder: Its bundle.
        pixels: uint8 [N, S, S, 3].

    Returns:
        How closely they agree.
    """
    predictor, whole = Predictor(folder), _three_outputs(model)
    same, gaps, sizes, answers = 0, [], [], []
    for start in range(0, len(pixels), BATCH):
        batch = np.asarray(pixels[start : start + BATCH])
        expected = [np.asarray(value) for value in whole(batch, training=False)]
        given = predictor.run_graph(batch)
        actual = [getattr(given, name) for name in OUTPUTS]
        same += int((expected[0].argmax(1) == actual[0].argmax(1)).sum())
        gaps.append([np.abs(one - other).max() for one, other in zip(expected, actual, strict=True)])
        sizes.append([np.abs(one).max() for one in expected])
        answers.append(given.probabilities)
    # Unlike Python's max, NumPy's keeps a gap that is not a number, and so `require` sees it.
    gap, size = np.max(gaps, axis=0), np.max(sizes, axis=0)
    probabilities = np.concatenate(answers)
    return Parity(
        images=len(pixels),
        same_label=same,
        max_difference=float(gap[0]),
        # An output that is nothing but zeros has no size to compare with.
        max_relative=dict(zip(OUTPUTS, map(float, gap / np.where(size > 0, size, 1.0)), strict=True)),
        spread=float(np.ptp(probabilities, axis=0).max()),
        probabilities=probabilities,
    )


def answer(folder: Path, pixels: Pixels) -> Floats:
    """Run a bundle's graph.

    Args:
        folder: The bundle.
        pixels: uint8 [N, S, S, 3].

    Returns:
        float32 [N, K], its probabilities, not calibrated.
    """
    predictor, starts = Predictor(folder), range(0, len(pixels), BATCH)
    return np.concatenate(
        [predictor.run_graph(np.asarray(pixels[start : start + BATCH])).probabilities for start in starts]
    )


def require(parity: Parity, tolerance: float) -> None:
    """Refuse a bundle that does not follow its model.

    Args:
        parity: What `compare` returns.
        tolerance: Largest difference allowed of any probability; in embedding and feature map `LOOSER` times
            that, as a share of the largest number there.

    Raises:
        VerdictError: A label differs, or one of the outputs differs by more.
    """
    remedy = "Try another export.opset, or report the architecture"
    if parity.same_label < parity.images or not parity.max_difference <= tolerance:
        raise VerdictError(
            "the exported bundle",
            f"gives the model's label for {parity.same_label} of {parity.images} images, and a probability "
            f"differs by {parity.max_difference:.2g} (allowed: {tolerance:.2g})",
            remedy,
        )
    for name in OUTPUTS[1:]:
        if not parity.max_relative[name] <= LOOSER * tolerance:
            raise VerdictError(
                "the exported bundle",
                f"gives the model's labels, but in {name} a number differs by "
                f"{parity.max_relative[name]:.2g} of the largest there (allowed: {LOOSER * tolerance:.2g})",
                remedy,
            )


def doubt(parity: Parity, tolerance: float) -> str | None:
    """Say when parity proves little: answers that hardly differ agree with many a graph's.

    Args:
        parity: What `compare` returns.
        tolerance: As for `require`.

    Returns:
        A sentence, or None where the answers spread over more than ten tolerances.
    """
    if parity.spread >= TELLING * tolerance:
        return None
    same = f"the model gives {parity.images} image(s) the same probabilities within {parity.spread:.1e}"
    return f"{same}: that the bundle does too says little"


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


def _three_outputs(model: keras.Model) -> keras.Model:
    """Have a classifier give what its bundle gives, in the order of `OUTPUTS`."""
    return keras.Model(model.input, [model.get_layer(name).output for name in OUTPUTS])


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
