"""A bundle alone, without TensorFlow, says which places speak for a class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from scanops import activation_map
from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import HEAD, Predictor
from scanops.digest import hash_file
from tests.bundles import make_bundle

PLACES = 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle whose features are the mean colours of 4 × 4 cells, seen through a known matrix."""
    return make_bundle(tmp_path / "bundle", size_px=8 * PLACES)


def test_the_map_of_a_known_graph_is_exact(folder: Path) -> None:
    """One lit cell in a black picture: all evidence lies there, and is what the matrices make of it."""
    stored = onnx.load(folder / bundles.GRAPH).graph.initializer
    known = {one.name: numpy_helper.to_array(one) for one in stored}
    batch = np.zeros((1, 32, 32, 3), np.uint8)
    batch[0, 8:16, 16:24] = (255, 51, 102)
    predictor = Predictor(folder)
    assert predictor.head is not None
    features = predictor.predict(batch).features
    for place in range(3):
        found = activation_map.contributions(features, predictor.head, np.array([place]))[0]
        lit = np.array([1.0, 0.2, 0.4]) @ known["expand"].astype(np.float64) @ known["head"][:, place]
        expected = np.zeros((PLACES, PLACES))
        expected[1, 2] = lit / PLACES**2
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_maps_and_biases_make_the_graphs_own_answer(folder: Path) -> None:
    """The sums of all classes' maps and the biases give the probabilities before calibration."""
    predictor = Predictor(folder)
    head = predictor.head
    assert head is not None
    batch = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 3), np.uint8)
    raw = predictor.run_graph(batch)
    maps = [activation_map.contributions(raw.features, head, np.full(5, place)) for place in range(3)]
    odds = np.exp(np.stack([one.sum((1, 2)) for one in maps], 1) + head.biases)
    np.testing.assert_allclose(odds / odds.sum(1, keepdims=True), raw.probabilities, atol=1e-5)


def test_a_bundle_older_than_maps_has_no_head(folder: Path) -> None:
    """Without `pooling`, or without the outputs, a bundle answers as before and gives no maps."""
    described = json.loads((folder / bundles.DESCRIPTION).read_text())
    (folder / bundles.DESCRIPTION).write_text(json.dumps({**described, "pooling": None}))
    assert Predictor(folder).head is None
    graph = onnx.load(folder / bundles.GRAPH)
    for output in [one for one in graph.graph.output if one.name in HEAD]:
        graph.graph.output.remove(output)
    onnx.save(graph, folder / bundles.GRAPH)
    described["graph_sha256"] = hash_file(folder / bundles.GRAPH)
    (folder / bundles.DESCRIPTION).write_text(json.dumps(described))
    assert Predictor(folder).head is None
