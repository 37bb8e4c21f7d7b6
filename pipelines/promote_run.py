"""A promotion, step by step: what may go on, what the challenge says, and what the ledger then holds."""

from __future__ import annotations

import json
import tempfile
from argparse import Namespace
from pathlib import Path

from pipelines import challenge_run
from scanops.bundle.predictor import Predictor
from scanops.config import Config
from scanops.digest import hash_bytes
from scanops.errors import VerdictError
from scanops.evaluation import challenge
from scanops.release import arrival, candidate, card, ledger, pointers, promotion, push, registry, verdict
from scanops.release.candidate import Candidate
from scanops.release.desk import Desk, Move, require_image
from scanops.release.image_names import split
from scanops.release.image_registry import ImageRegistry
from scanops.release.ledger import Challenge, Entry, Release, Stage
from scanops.release.ledger_branch import Ledger

REPORT = "challenge.json"


def promote(desk: Desk, params: Config, args: Namespace) -> Entry | None:
    """Promote as the command line says; see `nominate` and `advance`."""
    if args.to == "candidate":
        return nominate(desk, args)
    return advance(desk, params, args.to, args)


def nominate(desk: Desk, paths: Namespace) -> Entry | None:
    """Make what this run pushed the candidate.

    Args:
        desk: Where it is recorded.
        paths: Where the run left things.

    Returns:
        The entry, or None where it is the candidate already.

    Raises:
        VerdictError: Image, bundle, gate and commit do not belong together, or something has not arrived.
        OutsideError: A registry or remote is out of reach.
    """
    papers = {
        "gate.json": paths.gate,
        "validation.json": paths.validation,
        "metrics.json": paths.metrics,
        "image.json": paths.image,
        "params.yaml": paths.params,
        card.NAME: paths.card,
    }
    found = candidate.collect(push.read(paths.push), paths.bundle, papers, paths.lock)
    repository, digest = split(str(found.pushed["reference"]))
    verdict.require_labels(
        str(found.pushed["reference"]), ImageRegistry(repository).labels(digest), found.labels
    )
    held = desk.read()
    if there := promotion.holds(held.entries, "candidate", digest):
        desk.tag(there)
        return None
    arrival.require(Path.cwd(), desk.branch.remote, str(found.pushed["git_sha"]))
    release = _registered(desk, paths, found)
    fields = {"action": "promote", "origin": None, "stage": "candidate", "release": release}
    return desk.record(held, Move(fields, found.evidence))


def advance(desk: Desk, params: Config, stage: Stage, paths: Namespace) -> Entry | None:
    """Let a release go on to staging or production.

    Args:
        desk: Where it is recorded.
        params: The configuration.
        stage: Where to.
        paths: Today's data, where the challenge's report goes, and `ref` and `despite` of the command line.

    Returns:
        The entry, or None where it is there already.

    Raises:
        VerdictError: It may not: superseded, changed, or it did not win the challenge.
        OutsideError: A registry or remote is out of reach.
    """
    held = desk.read()
    release = promotion.choose(held.entries, stage, paths.ref)
    if there := promotion.holds(held.entries, stage, release.digest):
        desk.tag(there)
        return None
    _require_gate(desk, held, release)
    require_image(release)
    met, report = _challenge(held, release, params, paths)
    evidence = {} if report is None else {REPORT: report}
    fields = {"action": "promote", "origin": ledger.ORIGIN[stage], "stage": stage, "release": release}
    return desk.record(held, Move(fields | {"challenge": met, "reason": paths.despite}, evidence))


def _registered(desk: Desk, paths: Namespace, found: Candidate) -> Release:
    tags = {
        name: str(found.facts()[name]) for name in ("git_sha", "data_sha256", "params_sha256", "gate_sha256")
    }
    with card.with_bundle(paths.bundle, paths.card) as shipped:
        version = registry.register(desk.rules, shipped, tags)
    return Release(
        **found.facts(),
        model=desk.rules.model,
        model_version=version.number,
        registration_run=pointers.registration_run(desk.rules, version.number),
        training_run=pointers.training_run(desk.rules, found.bundle.model_sha256),
    )


def _require_gate(desk: Desk, held: Ledger, release: Release) -> None:
    """Read the gate's verdict again, from the very report that the image's label names."""
    with tempfile.TemporaryDirectory() as scratch:
        gate = Path(scratch) / "gate.json"
        gate.write_bytes(desk.branch.evidence(held, gate.name, release.gate_sha256))
        verdict.require_pass(gate, release.bundle_sha256)


def _challenge(
    held: Ledger, release: Release, params: Config, paths: Namespace
) -> tuple[Challenge, bytes | None]:
    """Let the release meet what is in production.

    Returns:
        How it went, and the report's bytes.
    """
    champion = ledger.at(held.entries, "production")
    if champion and champion.release.bundle_sha256 == release.bundle_sha256:
        told = Challenge(verdict="same_bundle", champion=release.bundle_sha256, report_sha256=None)
        return told, None
    with tempfile.TemporaryDirectory() as scratch:
        challenger = _fetched(params, release, Path(scratch) / "challenger")
        old = _fetched(params, champion.release, Path(scratch) / "champion") if champion else None
        number = champion.release.model_version if champion else None
        try:
            report = challenge_run.judge(old, number, challenger, paths, params)
        except VerdictError:
            if not paths.despite or champion is None:
                raise
            # The two cannot be compared: a person has to say that this one is wanted.
            return Challenge(
                verdict="refused", champion=champion.release.bundle_sha256, report_sha256=None
            ), None
    print(challenge.sentence(report))
    if report["verdict"] != "pass" and not paths.despite:
        raise VerdictError("the challenge", challenge.fault(report), "The champion stays; see the report")
    content = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    against = champion.release.bundle_sha256 if champion else None
    return Challenge(verdict=report["verdict"], champion=against, report_sha256=hash_bytes(content)), content


def _fetched(params: Config, release: Release, target: Path) -> Predictor:
    """Fetch the bundle that the model registry holds for a release."""
    version = registry.fetch(params.tracking, release.model_version, target)
    if version is None or version.bundle_sha256 != release.bundle_sha256:
        name = f"{release.model} version {release.model_version}"
        fault = "is not in the registry" if version is None else f"holds bundle {version.bundle_sha256[:12]}"
        raise VerdictError(
            name, f"{fault}, but the ledger has {release.told}", "Restore the registry's data base"
        )
    return Predictor(target)
