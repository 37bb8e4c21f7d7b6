"""Fetch what a release was made from and made of: the ledger keeps its lock, the DVC remote the rest."""

from __future__ import annotations

from pathlib import Path

from scanops import atomic
from scanops.bundle import bundle as bundles
from scanops.errors import ConfigError, VerdictError
from scanops.release import cache_remote, lineage
from scanops.release.ledger import Release
from scanops.release.ledger_branch import LedgerBranch

LOCK = "dvc.lock"
BUNDLE = Path("data/bundle")


def fetch(root: Path, reference: str) -> Release:
    """Let the workspace hold a release's data and bundle; its lock takes the place of the workspace's.

    Args:
        root: The project's folder.
        reference: Whatever `make trace` takes, such as a stage or a digest.

    Returns:
        The release.

    Raises:
        ConfigError: It means nothing, or the ledger keeps no lock of it.
        VerdictError: The bundle is not that of the release.
        OutsideError: The DVC remote has not all of it.
    """
    branch = LedgerBranch.find(root)
    held = branch.read()
    release = lineage.find(held.entries, reference)[-1]
    if LOCK not in release.evidence:
        fault = f"has no {LOCK} in the ledger: it was promoted without a DVC remote"
        raise ConfigError(release.told, fault, "Fetch it where it was made: `make pull-cache` at its commit")
    text = branch.evidence(held, LOCK, release.evidence[LOCK]).decode()
    if text != (root / LOCK).read_text(encoding="utf-8"):
        atomic.write_text(root / LOCK, text)
        print(f"{LOCK} is that of {release.told} now; `git checkout {LOCK}` takes it back")
    cache_remote.pull(root)
    found = bundles.hash_bundle(root / BUNDLE)
    if found != release.bundle_sha256:
        fault = f"is {found[:12]}, the ledger has {release.told}"
        raise VerdictError(str(root / BUNDLE), fault, "Find out who writes to the DVC remote")
    return release
