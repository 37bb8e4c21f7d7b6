"""From any name of a release to all that it leads back to, and to everywhere that it ran."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from scanops.errors import ConfigError
from scanops.evaluation import challenge, gate
from scanops.release import ledger, promotion
from scanops.release.ledger import Entry, Release, Stage


@dataclass(frozen=True)
class Stay:
    """A release in a stage, for a time.

    Attributes:
        entry: What brought it there.
        end: What replaced it, or None while it is there.
    """

    entry: Entry
    end: Entry | None

    def overlaps(self, start: datetime, stop: datetime) -> bool:
        """Say whether it was there at any time from `start` to before `stop`."""
        return self.entry.when < stop and (self.end is None or self.end.when > start)


def stays(entries: Sequence[Entry], stage: Stage) -> list[Stay]:
    """List what a stage has held, oldest first."""
    there = [entry for entry in entries if entry.stage == stage]
    return [Stay(one, end) for one, end in zip(there, [*there[1:], None], strict=True)]


def find(entries: Sequence[Entry], reference: str) -> list[Release]:
    """Find what somebody means.

    Args:
        entries: The ledger.
        reference: See `promotion.matches`; or a stage, alone for now, `stage@2026-11-17` for all that was
            there on that day (UTC), `stage@2026-11-17T09:30Z` for one moment.

    Returns:
        Releases, each image once, in the order in which they entered the ledger.

    Raises:
        ConfigError: It is no reference, or means nothing in this ledger.
    """
    stage, _, date = reference.partition("@")
    if stage in ledger.STAGES:
        start, stop = _span(date) if date else (datetime.now(UTC), datetime.max.replace(tzinfo=UTC))
        found = [one.entry.release for one in stays(entries, stage) if one.overlaps(start, stop)]
    else:
        found = [entry.release for entry in entries if promotion.matches(entry.release, reference)]
    if not found:
        fault = "means nothing that the ledger has"
        raise ConfigError(f"REF={reference}", fault, "Look at `make history` for what there is")
    return list({release.digest: release for release in found}.values())


def describe(entries: Sequence[Entry], release: Release, papers: dict[str, Any]) -> dict[str, Any]:
    """Put together all that is known of a release.

    Args:
        entries: The ledger.
        release: One of its.
        papers: Reports among its evidence, by name, and `challenges` by their SHA-256.

    Returns:
        What `make trace` prints, from where it ran down to the data.
    """
    ran = [
        one
        for stage in ledger.STAGES
        for one in stays(entries, stage)
        if one.entry.release.digest == release.digest
    ]
    return {
        "stages": [_stay(one) for one in sorted(ran, key=lambda one: one.entry.number)],
        "image": {"reference": release.reference, "digest": release.digest, "image_id": release.image_id},
        "bundle_sha256": release.bundle_sha256,
        "model": {
            "name": release.model,
            "version": release.model_version,
            "registration_run": release.registration_run,
            "training_run": release.training_run,
            "model_sha256": release.model_sha256,
        },
        "git_sha": release.git_sha,
        "params_sha256": release.params_sha256,
        "data_sha256": release.data_sha256,
        "validation": papers["validation.json"],
        "gate": papers["gate.json"] | {"sha256": release.gate_sha256},
        "challenges": [
            one.entry.challenge.model_dump()
            | {
                "entry": one.entry.number,
                "report": papers["challenges"].get(one.entry.challenge.report_sha256),
            }
            for one in ran
            if one.entry.challenge
        ],
        "evidence": release.evidence,
    }


def tell(described: dict[str, Any], subject: str) -> str:
    """Say it for people.

    Args:
        described: What `describe` returns.
        subject: What the commit is about.
    """
    image, model, found = described["image"], described["model"], described["validation"]
    rows = [(one["stage"], _sentence(one)) for one in described["stages"]]
    rows += [
        ("image", image["reference"]),
        ("", f"in an engine {image['image_id']}"),
        ("bundle", described["bundle_sha256"]),
        ("model", f"{model['name']} version {model['version']}, MLflow run {model['registration_run']}"),
        ("", f"trained in run {model['training_run'] or 'of another tracking server'}"),
        ("commit", f"{described['git_sha']} {subject}"),
        ("params", described["params_sha256"]),
        ("data", described["data_sha256"]),
        ("validation", _validation(found)),
    ]
    for one in described["challenges"]:
        rows.append(("challenge", f"entry {one['entry']}: {_challenge(one)}"))
    rows.append(("gate", f"{described['gate']['verdict']} (report {described['gate']['sha256'][:12]})"))
    lines = [f"{name:<11} {text}" for name, text in rows]
    return "\n".join([*lines, gate.table(described["gate"])])


def _stay(one: Stay) -> dict[str, Any]:
    entry, end = one.entry, one.end
    return {
        "stage": entry.stage,
        "since": entry.when.isoformat(),
        "until": end.when.isoformat() if end else None,
        "entry": entry.number,
        "who": entry.who,
        "action": entry.action,
        "reason": entry.reason,
        "ended_by": {"entry": end.number, "action": end.action, "digest": end.release.digest}
        if end
        else None,
    }


def _sentence(one: dict[str, Any]) -> str:
    why = f" ({one['reason']})" if one["reason"] else ""
    text = f"{_time(one['since'])} {one['action']} by {one['who']}, entry {one['entry']}{why}"
    end = one["ended_by"]
    if end is None:
        return f"{text}; still there"
    return (
        f"{text}; until {_time(one['until'])}, {end['action']} of {end['digest'][:19]}, entry {end['entry']}"
    )


def _validation(found: dict[str, Any]) -> str:
    counts = [f"{found[name]} {name}" for name in ("images", "usable", "quarantined") if name in found]
    return ", ".join([str(found.get("verdict")), *counts])


def _challenge(one: dict[str, Any]) -> str:
    if one["report"]:
        return challenge.sentence(one["report"]).removeprefix("challenge: ")
    return "production had this bundle already" if one["verdict"] == "same_bundle" else str(one["verdict"])


def _time(iso: str) -> str:
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M}Z"


def _span(date: str) -> tuple[datetime, datetime]:
    """Read a day or a moment; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(date)
    except ValueError as error:
        raise ConfigError(f"date {date}", "is none", "Write 2026-11-17 or 2026-11-17T09:30Z") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole_day = re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", date)
    return moment, moment + (timedelta(days=1) if whole_day else timedelta(microseconds=1))
