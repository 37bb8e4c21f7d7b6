"""Where promotions and rollbacks are recorded: decide on the ledger, write it, and let MLflow follow.

The order leaves nothing half done. The push of the ledger's branch is the one step that counts: before it
nothing has changed for anybody, after it everything has. What follows (tags in the image registry, MLflow's
aliases) is derived from the ledger, and done again by the next promotion where a process died before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from scanops.config import Tracking
from scanops.errors import ConfigError, OutsideError, Told
from scanops.release import ledger, pointers, verdict
from scanops.release.candidate import REVISION
from scanops.release.image_names import split
from scanops.release.image_registry import ImageRegistry
from scanops.release.ledger import Entry, Release
from scanops.release.ledger_branch import Ledger, LedgerBranch, OvertakenError

MOST_LAG = timedelta(minutes=5)


@dataclass(frozen=True)
class Move:
    """A decision: the fields of an `Entry` that say what is to be done, and the papers that come with it."""

    fields: Mapping[str, Any]
    evidence: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Desk:
    """The ledger's branch, and the model registry that follows it.

    Attributes:
        branch: Holds what counts.
        rules: Where the model registry is.
    """

    branch: LedgerBranch
    rules: Tracking

    def read(self) -> Ledger:
        """Read the ledger, and set right in MLflow what an earlier promotion left undone.

        Returns:
            The ledger.

        Raises:
            VerdictError: It was rewritten.
            OutsideError: Its remote or the model registry cannot be reached.
        """
        noted = pointers.witness(self.rules)
        held = self.branch.read()
        pointers.require_witnessed(noted, held.entries)
        pointers.follow(self.rules, held.entries)
        return held

    def record(self, held: Ledger, move: Move) -> Entry:
        """Write an entry, then have the registries follow.

        Args:
            held: What the decision was made on.
            move: The decision.

        Returns:
            The new entry.

        Raises:
            OvertakenError: Somebody else's entry came first; nothing was written.
            OutsideError: The ledger's remote is out of reach (nothing was written), or a registry is (the
                ledger has the entry, a note says so, and the next promotion sets the registry right).
        """
        entry = _entry(held.entries, self.branch.author(), move)
        try:
            self.branch.append(held, entry, move.evidence)
        except OvertakenError:
            self.read()  # registering a candidate has moved its alias already
            raise
        try:
            self.tag(entry)
            self.read()
        except OutsideError as error:
            error.add_note(Told(f"The ledger has it, as entry {entry.number}. The same again does the rest."))
            raise
        return entry

    def tag(self, entry: Entry) -> None:
        """Name an image after what the ledger says of it: registries sweep away what has no tag.

        Args:
            entry: One of the ledger, whose number makes a tag that never moves.
        """
        repository, digest = split(entry.release.reference)
        ImageRegistry(repository).tag(digest, f"{entry.stage}-{entry.number}")


def require_image(release: Release) -> None:
    """Make sure that the image is in its registry, and says of itself what the ledger says.

    Args:
        release: What is to be promoted.

    Raises:
        VerdictError: A label says something else.
        OutsideError: The registry is out of reach, or has lost the image.
    """
    expected = {
        "io.scanops.bundle": release.bundle_sha256,
        "io.scanops.data": release.data_sha256,
        "io.scanops.gate": release.gate_sha256,
        REVISION: release.git_sha,
    }
    repository, digest = split(release.reference)
    verdict.require_labels(release.reference, ImageRegistry(repository).labels(digest), expected)


def _entry(entries: Sequence[Entry], who: str, move: Move) -> Entry:
    now, last = datetime.now(UTC).replace(microsecond=0), entries[-1] if entries else None
    if last and now < last.when - MOST_LAG:
        fault = (
            f"says {now:%Y-%m-%d %H:%M}Z, but the last entry of the ledger is of {last.when:%Y-%m-%d %H:%M}Z"
        )
        raise ConfigError("this machine's clock", fault, "Set it")
    there = ledger.at(entries, move.fields["stage"])
    return Entry(
        number=len(entries) + 1,
        previous=last.sha256 if last else ledger.NOTHING,
        when=max(now, last.when) if last else now,
        who=who,
        replaces=there.release.digest if there else None,
        **move.fields,
    )
