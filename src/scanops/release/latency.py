"""The latency budget: measured where the image is made, since a time is no pure function of the data."""

from __future__ import annotations

from pathlib import Path

from scanops import atomic
from scanops.bundle import footprint
from scanops.bundle.footprint import Latency
from scanops.errors import VerdictError


def measure(bundle: Path, bundle_sha256: str, timings: Path) -> Latency:
    """Time a bundle on this machine, and keep the figures.

    Args:
        bundle: The bundle's folder.
        bundle_sha256: Its name.
        timings: The file to replace; no output of a stage, so that `dvc.lock` depends on no clock.

    Returns:
        What was measured.
    """
    taken = footprint.latency(bundle)
    figures = {"p50_ms": round(taken.p50_ms, 3), "p95_ms": round(taken.p95_ms, 3), "threads": 1, "images": 1}
    atomic.write_json(timings, {"bundle_sha256": bundle_sha256, "latency": figures})
    return taken


def require(taken: Latency, ceiling_ms: float, subject: str) -> None:
    """Refuse a bundle that is too slow.

    The median is judged: the 95th percentile of a few calls tells of the machine more than of the bundle.

    Args:
        taken: What `measure` returned.
        ceiling_ms: `image.max_latency_ms`.
        subject: What to call the bundle in a message.

    Raises:
        VerdictError: The median is above the ceiling.
    """
    if not taken.p50_ms <= ceiling_ms:
        raise VerdictError(
            subject,
            f"takes {taken.p50_ms:.1f} ms for an image on one thread (95 % within {taken.p95_ms:.1f} ms), "
            f"above image.max_latency_ms = {ceiling_ms:g}",
            "Take a smaller network or side, free the machine and run `make image`, or raise the budget",
        )
