"""The latency budget is judged by the median, and kept out of the graph's outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scanops.bundle.footprint import Latency
from scanops.errors import VerdictError
from scanops.release import latency
from tests.bundles import make_bundle


def test_what_is_measured_is_kept(tmp_path: Path) -> None:
    """The timings name the bundle and the figures, in milliseconds."""
    taken = latency.measure(make_bundle(tmp_path / "bundle"), "a" * 64, tmp_path / "timings.json")
    kept = json.loads((tmp_path / "timings.json").read_text(encoding="utf-8"))
    assert kept["bundle_sha256"] == "a" * 64
    figures = {"p50_ms": round(taken.p50_ms, 3), "p95_ms": round(taken.p95_ms, 3), "threads": 1, "images": 1}
    assert kept["latency"] == figures


@pytest.mark.parametrize("taken", [Latency(10.1, 10.2), Latency(float("nan"), float("nan"))])
def test_above_the_budget_is_refused(taken: Latency) -> None:
    """Too slow, or not known: refused with the figure, the budget and what to do."""
    with pytest.raises(VerdictError, match=r"above image\.max_latency_ms = 10\. Take a smaller") as caught:
        latency.require(taken, 10.0, "bundle x")
    assert caught.value.exit_code == 3


def test_a_busy_machine_alone_refuses_nothing() -> None:
    """A few slow calls raise the 95th percentile, which is told and not judged."""
    latency.require(Latency(10.0, 500.0), 10.0, "bundle x")
