"""What a bundle costs is measured on the bundle itself."""

from __future__ import annotations

from pathlib import Path

from scanops.bundle import footprint
from tests.bundles import make_bundle


def test_parameters_are_those_of_the_graph(tmp_path: Path) -> None:
    """Every learnt number counts once; the scale of the input, a single number, does not."""
    assert footprint.parameters(make_bundle(tmp_path / "bundle")) == 3 * 5 + 5 * 3


def test_latency_is_a_time(tmp_path: Path) -> None:
    """The median of real calls is above nothing, and below a second for so small a graph."""
    assert 0 < footprint.latency_ms(make_bundle(tmp_path / "bundle")) < 1000
