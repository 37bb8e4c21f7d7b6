"""The ledger: what was promoted, by whom, when, on what grounds. Each entry holds the hash of the one before.

Pure: `ledger_branch` keeps it. An entry is one line of JSON; entries are only added, and a changed, missing
or moved line breaks the chain from there on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from scanops.bundle.bundle import Sha256
from scanops.digest import hash_bytes
from scanops.errors import VerdictError

Stage = Literal["candidate", "staging", "production"]
STAGES: tuple[Stage, ...] = get_args(Stage)
# Where a release comes from on its way.
ORIGIN: dict[Stage, Stage] = {"staging": "candidate", "production": "staging"}
NOTHING = "0" * 64  # what the first entry stands on
REMEDY = "Find out who wrote to the branch, and put back the last good commit from a clone that has it"

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Reference = Annotated[str, Field(pattern=r"^[^@\s]+/[^@\s]+@sha256:[0-9a-f]{64}$")]


class Release(BaseModel):
    """What is promoted: an image, and all that it leads back to.

    Attributes:
        reference: The image, `host/name@sha256:…`, by the digest that the registry gave it.
        image_id: Its content id in an engine, for hosts that load it from an archive.
        bundle_sha256: The bundle in it.
        model_sha256: The Keras model that the bundle was made from.
        data_sha256: The manifest of the data.
        params_sha256: The parameters that shaped the network.
        gate_sha256: The gate's report, `gate.json` among the evidence.
        gate_verdict: What it says; nothing else than `pass` enters the ledger.
        git_sha: The commit of the code in it.
        model: Name in the model registry.
        model_version: Its version there.
        registration_run: The MLflow run that holds the bundle.
        training_run: The MLflow run of the training, where this tracking server has it.
        evidence: Files that the ledger keeps: name, and SHA-256 of its bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    reference: Reference
    image_id: Digest
    bundle_sha256: Sha256
    model_sha256: Sha256
    data_sha256: Sha256
    params_sha256: Sha256
    gate_sha256: Sha256
    gate_verdict: Literal["pass"]
    git_sha: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]
    model: str
    model_version: str
    registration_run: str | None = None
    training_run: str | None = None
    evidence: dict[str, Sha256]

    @property
    def digest(self) -> str:
        """The registry's digest of the image."""
        return self.reference.rpartition("@")[2]

    @property
    def told(self) -> str:
        """A few words for a message."""
        return f"bundle {self.bundle_sha256[:12]} ({self.digest[:19]})"


class Challenge(BaseModel):
    """How the challenge at a promotion went.

    Attributes:
        verdict: `pass`; `same_bundle` where production has that bundle already, in another image; `tie` or
            `refused` only where the entry gives the reason why it was promoted all the same.
        champion: The bundle that was in production, or None.
        report_sha256: `challenge.json` among the evidence of the ledger, or None where nothing was compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: Literal["pass", "same_bundle", "tie", "refused"]
    champion: Sha256 | None
    report_sha256: Sha256 | None


class Entry(BaseModel):
    """One promotion or rollback.

    Attributes:
        number: Counted from 1.
        previous: SHA-256 of the line before, `NOTHING` for the first.
        when: Time of the machine that promoted, never before that of the entry before.
        who: Name and mail address, as git knows them.
        action: What was done.
        origin: The stage that it came from; None for a candidate and for a rollback.
        stage: The stage that it went to.
        release: What is there from now on.
        replaces: Digest of the image that was there before.
        challenge: Against production; None for a candidate and for a rollback.
        reason: In the words of whoever did it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = 1
    number: Annotated[int, Field(ge=1)]
    previous: Sha256
    when: AwareDatetime
    who: str
    action: Literal["promote", "rollback"]
    origin: Annotated[Stage | None, Field(alias="from")]
    stage: Annotated[Stage, Field(alias="to")]
    release: Release
    replaces: Digest | None
    challenge: Challenge | None = None
    reason: str | None = None

    @property
    def line(self) -> str:
        """The entry as the ledger holds it, without a line break."""
        return self.model_dump_json(by_alias=True)

    @property
    def sha256(self) -> str:
        """The hash of its line."""
        return hash_bytes(self.line.encode())


def parse(text: str) -> list[Entry]:
    """Read a ledger and check its chain.

    Args:
        text: One line an entry.

    Returns:
        The entries, oldest first.

    Raises:
        VerdictError: A line is no entry, or not what the next one says that it is.
    """
    entries: list[Entry] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entry = Entry.model_validate_json(line)
        except ValidationError as error:
            raise VerdictError("the ledger", f"has no entry in line {number} ({error})", REMEDY) from error
        before = entries[-1] if entries else None
        chained = entry.previous == (before.sha256 if before else NOTHING) and entry.line == line
        if entry.number != number or not chained:
            fault = f"was changed: entry {number} does not follow from the one before it"
            raise VerdictError("the ledger", fault, REMEDY)
        entries.append(entry)
    return entries


def at(entries: Sequence[Entry], stage: Stage, when: datetime | None = None) -> Entry | None:
    """Tell what a stage holds.

    Args:
        entries: The ledger.
        stage: Which.
        when: At that time; now, if None.

    Returns:
        The entry that put it there, or None.
    """
    there = [entry for entry in entries if entry.stage == stage and (when is None or entry.when <= when)]
    return there[-1] if there else None


def before(entries: Sequence[Entry], stage: Stage) -> Release | None:
    """Tell what a rollback of a stage goes back to.

    Args:
        entries: The ledger.
        stage: Which.

    Returns:
        What was there before the last promotion that no rollback has undone, or None.
    """
    held: list[Release] = []
    for entry in entries:
        if entry.stage == stage and entry.action == "promote":
            held.append(entry.release)
        elif entry.stage == stage:
            held.pop()
    return held[-2] if len(held) > 1 else None
