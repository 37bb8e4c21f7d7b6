"""Only a bundle that passed the gate goes into an image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from scanops.errors import ConfigError, VerdictError


def require_pass(gate: Path, bundle_sha256: str) -> None:
    """Refuse a bundle that this gate report does not let through.

    Args:
        gate: The gate's report.
        bundle_sha256: The bundle that is to ship.

    Raises:
        ConfigError: The report cannot be read.
        VerdictError: Its verdict is not `pass`, or it is about another bundle.
    """
    try:
        report = json.loads(gate.read_text(encoding="utf-8"))
        verdict, judged = str(report["verdict"]), str(report["bundle_sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(str(gate), f"cannot be read ({error})", "Make it with `make repro`") from error
    if verdict != "pass":
        remedy = "Its checks say what fell short; train again"
        raise VerdictError(str(gate), f"has the verdict {verdict!r}, so nothing ships", remedy)
    if judged != bundle_sha256:
        fault = f"is about bundle {judged[:12]}, not {bundle_sha256[:12]}"
        raise VerdictError(str(gate), fault, "Judge this bundle first: `make repro`")


def require_labels(subject: str, labels: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Refuse an image that says of itself something else than its papers do.

    Args:
        subject: What to call it in a message.
        labels: Its labels.
        expected: What they must say.

    Raises:
        VerdictError: One says something else, or is missing.
    """
    wrong = [name for name, value in expected.items() if labels.get(name) != value]
    if wrong:
        name = wrong[0]
        fault = f"says {name} {str(labels.get(name))[:12]}, not {expected[name][:12]}"
        raise VerdictError(subject, fault, "Build and push it again from one run: `make repro`, `make push`")
