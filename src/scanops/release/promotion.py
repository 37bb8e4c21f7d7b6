"""What may be promoted where: rules over the ledger alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scanops.errors import ConfigError, VerdictError
from scanops.release import ledger
from scanops.release.ledger import Entry, Release, Stage


def matches(release: Release, reference: str) -> bool:
    """Say whether a release is what somebody means.

    Args:
        release: One of the ledger.
        reference: An image by its digest or id, with or without name and `sha256:`; a bundle's hash or a
            commit's; of each the first 7 digits or more will do; or the number of a registered version.
    """
    if re.fullmatch(r"v?[0-9]{1,6}", reference):
        return release.model_version == reference.removeprefix("v")
    wanted = reference.rpartition("@")[2].removeprefix("sha256:").lower()
    if not re.fullmatch(r"[0-9a-f]{7,64}", wanted):
        raise ConfigError(
            f"REF={reference}",
            "is no reference",
            "Give a digest, a bundle's hash or a commit (7 digits or more), a version's number, or a stage",
        )
    named = (release.digest, release.image_id, release.bundle_sha256, release.git_sha)
    return any(name.removeprefix("sha256:").startswith(wanted) for name in named)


def choose(entries: Sequence[Entry], stage: Stage, reference: str | None) -> Release:
    """Take what may go on to a stage: that which the stage before it holds.

    Args:
        entries: The ledger.
        stage: `staging` or `production`.
        reference: What somebody means to promote; None takes what is there.

    Returns:
        The release.

    Raises:
        VerdictError: Nothing is there, or what is meant is superseded, or never was there.
    """
    origin = ledger.ORIGIN[stage]
    held = ledger.at(entries, origin)
    if held is None:
        raise VerdictError(f"stage {origin}", "holds nothing yet", f"First `make promote TO={origin}`")
    if reference is None or matches(held.release, reference):
        return held.release
    earlier = [entry for entry in entries if matches(entry.release, reference)]
    if any(entry.stage == origin for entry in earlier):
        by = f"{held.release.told} in {origin} since {held.when:%Y-%m-%d %H:%M}Z"
        raise VerdictError(
            earlier[-1].release.told, f"is superseded by {by}", f"Promote that: `make promote TO={stage}`"
        )
    fault = f"never was in {origin}" if earlier else "is not in the ledger"
    raise VerdictError(
        f"REF={reference}", fault, "Look at `make history`; what was pushed becomes a candidate first"
    )


def holds(entries: Sequence[Entry], stage: Stage, digest: str) -> Entry | None:
    """Return the entry that put an image into a stage where it still is, else None.

    Args:
        entries: The ledger.
        stage: Which.
        digest: The image's.
    """
    held = ledger.at(entries, stage)
    return held if held and held.release.digest == digest else None
