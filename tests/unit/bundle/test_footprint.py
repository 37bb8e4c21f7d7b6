"""What a bundle costs is measured on the bundle itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from scanops.bundle import bundle as bundles
from scanops.bundle import footprint
from scanops.bundle.predictor import KEPT
from tests.bundles import make_bundle


def test_parameters_are_those_of_the_graph(tmp_path: Path) -> None:
    """Every learnt number counts once; the scale of the input, a single number, does not."""
    assert footprint.parameters(make_bundle(tmp_path / "bundle")) == 3 * 5 + 5 * 3 + 3


def test_the_copy_of_the_head_counts_for_nothing(tmp_path: Path) -> None:
    """What is stored again for class-activation maps was learnt once."""
    folder = make_bundle(tmp_path / "bundle")
    before, graph = footprint.parameters(folder), onnx.load(folder / bundles.GRAPH)
    for name in KEPT:
        graph.graph.initializer.append(numpy_helper.from_array(np.ones((5, 3), np.float32), name))
    onnx.save(graph, folder / bundles.GRAPH)
    assert footprint.parameters(folder) == before


def test_latency_is_a_time(tmp_path: Path) -> None:
    """The median of real calls is above nothing, and below a second for so small a graph."""
    folder = make_bundle(tmp_path / "bundle")
    assert 0 < footprint.latency_ms(folder) < 1000
    taken = footprint.latency(folder)
    assert 0 < taken.p50_ms <= taken.p95_ms
