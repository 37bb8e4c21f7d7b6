"""The two sides of a challenge answer for today's test images, each by its own bundle."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines import entry_point
from scanops import atomic
from scanops.bundle import batch, origin
from scanops.bundle.predictor import Predictor
from scanops.config import Config
from scanops.evaluation import challenge, cohort
from scanops.evaluation.cohort import Cohort
from scanops.evaluation.metrics import Integers


def judge(
    champion: Predictor | None, version: str | None, challenger: Predictor, paths: Namespace, params: Config
) -> dict[str, Any]:
    """Hold a challenge on today's test images, and write its report.

    Args:
        champion: The bundle in production, or None where there is none.
        version: Its number in the registry.
        challenger: The new bundle.
        paths: `raw`, `manifest`, `splits` and `report`.
        params: Margin, resamples and seed.

    Returns:
        What was written; a doubt about the champion is told, and among its `warnings`.

    Raises:
        ConfigError: The challenger is not of today's splits.
        VerdictError: The two know different classes.
    """
    origin.require(challenger.bundle, paths.manifest, paths.splits)
    tables = cohort.read(paths.splits), cohort.read(paths.manifest)
    test = cohort.select(*tables, challenger.bundle.classes, "test")
    report = meet(champion, challenger, paths.raw, test, params)
    joined = int(((tables[0]["split"] == "test") & (tables[0]["group_keys"] > 1)).sum())
    doubt = origin.doubt(champion.bundle, challenger.bundle, joined) if champion else None
    if champion:
        report["champion"] |= {"version": version}
    report["warnings"] = [doubt] if doubt else []
    atomic.write_json(paths.report, report)
    if doubt:
        print(f"warning: {doubt}", file=sys.stderr)
    return report


def meet(
    champion: Predictor | None, challenger: Predictor, raw: Path, test: Cohort, params: Config
) -> dict[str, Any]:
    """Let both answer for the same images.

    Args:
        champion: The bundle in production, or None where there is none.
        challenger: The new bundle.
        raw: The folder of images.
        test: The test images, their targets numbered by the challenger's classes.
        params: Margin, resamples and seed.

    Returns:
        What `reports/challenge.json` holds.

    Raises:
        VerdictError: The two know different classes.
    """
    if champion is None:
        report = challenge.unopposed(len(test.targets), params.challenge)
    else:
        challenge.require_same_classes(champion.bundle.classes, challenger.bundle.classes)
        old, new = (_answer(one, raw, test, challenger.bundle.classes) for one in (champion, challenger))
        groups = test.rows["group"].to_numpy()
        report = challenge.compare(test.targets, old, new, groups, params.challenge, params.evaluation)
        report["champion"] |= {"bundle_sha256": champion.bundle_sha256}
    report["challenger"] |= {"bundle_sha256": challenger.bundle_sha256}
    return report


def _answer(predictor: Predictor, raw: Path, test: Cohort, classes: tuple[str, ...]) -> Integers:
    """Answer for every image, as places among `classes`."""
    places = np.array([classes.index(name) for name in predictor.bundle.classes], np.int64)
    with entry_point.bar("answer", len(test.paths)) as bar:
        given = [answer.probabilities for _, answer in batch.predict(predictor, raw, test.paths, bar.update)]
    answers: Integers = places[np.concatenate(given).argmax(axis=1)]
    return answers
