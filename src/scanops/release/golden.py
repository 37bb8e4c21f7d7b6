"""Pack test images with the answers that `evaluate` recorded, for hosts to check a version by."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from scanops import atomic
from scanops.release.smoke import Case


def write(cases: Sequence[Case], bundle_sha256: str, out: Path) -> None:
    """Write one file, which the role model_service brings to hosts.

    Args:
        cases: Images and answers.
        bundle_sha256: The model that gave the answers.
        out: The file. It holds scans: its mode lets nobody else read it.
    """
    rows = [
        {
            "name": f"{index}",  # a path may hold a patient's name
            "image": base64.b64encode(case.data).decode(),
            "prediction": case.prediction,
            "probabilities": case.probabilities,
            "why": case.why,
        }
        for index, case in enumerate(cases)
    ]
    atomic.write_json(out, {"bundle_sha256": bundle_sha256, "cases": rows})
    out.chmod(0o600)
