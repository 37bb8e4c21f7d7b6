"""Parity is a check that can fail, in each of the three outputs, and says where it proves little."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from scanops.bundle import export, parity
from scanops.errors import VerdictError
from scanops.model_rules import Training
from scanops.training import classifier

pytestmark = pytest.mark.tensorflow
IMAGES = np.random.default_rng(1).integers(0, 256, (6, 32, 32, 3), np.uint8)
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """A network as it was drawn."""
    keras.utils.set_random_seed(1)
    return classifier.build(Training(architecture="cnn_small"), 2, 32)


@pytest.fixture(scope="module")
def proto(model: keras.Model) -> onnx.ModelProto:
    """Its graph."""
    return export.convert(model, 17)


def write(folder: Path, proto: onnx.ModelProto) -> Path:
    """Write a bundle of a graph."""
    hashes = {f"{name}_sha256": "0" * 64 for name in ("model", "data", "params")}
    form = {"classes": ("dark", "light"), "architecture": "cnn_small", "size_px": 32, "fit": "pad"}
    export.write(folder, proto, {**form, **hashes})
    return folder


def change(proto: onnx.ModelProto, output: str, by: str, value: float) -> onnx.ModelProto:
    """Copy a graph so that one output alone goes through one more operation."""
    changed = onnx.ModelProto.FromString(proto.SerializeToString())
    for node in changed.graph.node:
        for names in (node.input, node.output):
            names[:] = ["kept" if name == output else name for name in names]
    changed.graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), "planted"))
    changed.graph.node.append(helper.make_node(by, ["kept", "planted"], [output]))
    return changed


def test_the_bundle_of_a_model_follows_it(model: keras.Model, proto: onnx.ModelProto, tmp_path: Path) -> None:
    """All three outputs are compared, and those of a model's own bundle agree."""
    found = parity.compare(model, write(tmp_path, proto), IMAGES)
    parity.require(found, TOLERANCE)
    assert str(found).startswith("same label as the model for 6 of 6 images")
    assert list(found.max_relative) == ["probabilities", "embedding", "features"]
    assert max(found.max_relative.values()) < TOLERANCE
    assert found.spread == np.ptp(found.probabilities, axis=0).max() > 0


@pytest.mark.parametrize("output", ["embedding", "features"])
@pytest.mark.parametrize(("by", "value"), [("Mul", 1.01), ("Pow", float("nan"))])
def test_another_output_is_refused(
    output: str, by: str, value: float, model: keras.Model, proto: onnx.ModelProto, tmp_path: Path
) -> None:
    """A graph with the model's probabilities and another embedding or feature map is no bundle of it."""
    folder = write(tmp_path, change(proto, output, by, value))
    found = parity.compare(model, folder, IMAGES)
    assert found.same_label == len(IMAGES)
    assert found.max_difference < TOLERANCE
    with pytest.raises(VerdictError, match=f"in {output} a number differs"):
        parity.require(found, TOLERANCE)


def test_probabilities_that_are_no_numbers_are_refused(
    model: keras.Model, proto: onnx.ModelProto, tmp_path: Path
) -> None:
    """A gap that is not a number is no small gap, in whichever batch it is."""
    folder = write(tmp_path, change(proto, "probabilities", "Pow", float("nan")))
    found = parity.compare(model, folder, IMAGES)
    with pytest.raises(VerdictError, match="differs by nan"):
        parity.require(replace(found, same_label=len(IMAGES)), TOLERANCE)


def test_answers_that_are_all_the_same_are_told(
    model: keras.Model, proto: onnx.ModelProto, tmp_path: Path
) -> None:
    """Parity of a model that says the same of every image is not refused, but its weakness is told."""
    mute = keras.models.clone_model(model)
    mute.set_weights([np.zeros_like(one) if one.shape == (128, 2) else one for one in model.get_weights()])
    (tmp_path / "mute").mkdir()
    found = parity.compare(mute, write(tmp_path / "mute", export.convert(mute, 17)), IMAGES)
    parity.require(found, TOLERANCE)
    assert "says little" in str(parity.doubt(found, TOLERANCE))
    (tmp_path / "whole").mkdir()
    telling = parity.compare(model, write(tmp_path / "whole", proto), IMAGES)
    assert parity.doubt(telling, telling.spread / parity.TELLING) is None
