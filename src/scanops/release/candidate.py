"""A candidate: image, bundle, registered version and papers of one run, each holding the other's hash."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanops.bundle import bundle as bundles
from scanops.digest import hash_bytes
from scanops.errors import ConfigError, VerdictError
from scanops.release import verdict

REVISION = "org.opencontainers.image.revision"


@dataclass(frozen=True)
class Candidate:
    """What a run has made and pushed.

    Attributes:
        pushed: What `reports/push.json` holds.
        bundle: The bundle's description.
        evidence: The papers that the ledger keeps, by name.
    """

    pushed: Mapping[str, Any]
    bundle: bundles.Bundle
    evidence: Mapping[str, bytes]

    @property
    def labels(self) -> dict[str, str]:
        """What the image must say of itself."""
        return {
            "io.scanops.bundle": str(self.pushed["bundle_sha256"]),
            "io.scanops.data": self.bundle.data_sha256,
            "io.scanops.gate": hash_bytes(self.evidence["gate.json"]),
            REVISION: str(self.pushed["git_sha"]),
        }

    def facts(self) -> dict[str, Any]:
        """What a `ledger.Release` says of it, but for where it is registered."""
        return {
            "reference": self.pushed["reference"],
            "image_id": self.pushed["image_id"],
            "bundle_sha256": self.pushed["bundle_sha256"],
            "model_sha256": self.bundle.model_sha256,
            "data_sha256": self.bundle.data_sha256,
            "params_sha256": self.bundle.params_sha256,
            "gate_sha256": hash_bytes(self.evidence["gate.json"]),
            "gate_verdict": "pass",
            "git_sha": self.pushed["git_sha"],
            "evidence": {name: hash_bytes(content) for name, content in self.evidence.items()},
        }


def collect(pushed: Mapping[str, Any], bundle: Path, papers: Mapping[str, Path], lock: Path) -> Candidate:
    """Take what a run left, and refuse what does not belong together.

    Args:
        pushed: What `reports/push.json` holds.
        bundle: The bundle's folder.
        papers: Files by the names that the ledger keeps them under; `gate.json` is among them.
        lock: `dvc.lock`, which is kept too where there is one.

    Returns:
        The candidate.

    Raises:
        ConfigError: A file is missing.
        VerdictError: The gate did not pass, the image is of another bundle, or no commit holds the code.
    """
    described, sha256 = bundles.read(bundle), bundles.hash_bundle(bundle)
    if pushed.get("bundle_sha256") != sha256:
        fault = f"is about bundle {str(pushed.get('bundle_sha256'))[:12]}, not {sha256[:12]}"
        raise VerdictError("what was pushed", fault, "Push the image of this bundle: `make push REGISTRY=…`")
    verdict.require_pass(papers["gate.json"], sha256)
    if not re.fullmatch(r"[0-9a-f]{40,64}", str(pushed.get("git_sha"))):
        fault = f"was built from code that no commit holds ({pushed.get('git_sha')})"
        raise VerdictError("the image", fault, "Commit, then `make image` and `make push` again")
    held = {**papers, bundles.DESCRIPTION: bundle / bundles.DESCRIPTION}
    if lock.is_file():
        held["dvc.lock"] = lock
    try:
        evidence = {name: path.read_bytes() for name, path in sorted(held.items())}
    except OSError as error:
        raise ConfigError(
            str(error.filename), f"cannot be read ({error.strerror})", "Make it with `make repro`"
        ) from error
    _require_same_run(evidence, sha256)
    return Candidate(pushed, described, evidence)


def _require_same_run(evidence: Mapping[str, bytes], sha256: str) -> None:
    """Refuse reports on another bundle: they would be kept as this one's."""
    for name in ("metrics.json", "image.json"):
        told = json.loads(evidence[name]).get("bundle_sha256")
        if told != sha256:
            fault = f"is about bundle {str(told)[:12]}, not {sha256[:12]}"
            raise VerdictError(name, fault, "Make all reports in one run: `make repro`")
