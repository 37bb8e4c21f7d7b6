"""What `evaluate` makes of the answers: measures, warnings, and the pictures that people look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.evaluate_pass import Seen
from scanops import activation_map, imaging
from scanops.bundle import batch
from scanops.bundle.predictor import Predictor
from scanops.config import Evaluation
from scanops.evaluation import abstaining, abstaining_plots, baselines, explain, figures, report, samples
from scanops.evaluation.cohort import Cohort
from scanops.evaluation.measures import Answers
from scanops.evaluation.slices import Slice

NAME_LENGTH = 12  # of an image's id in the gallery: enough to find it in the predictions


def measure(
    predictor: Predictor,
    train: Cohort,
    test: Cohort,
    seen: Seen,
    parts: Sequence[Slice],
    settings: Evaluation,
) -> dict[str, Any]:
    """Score the bundle and the baselines on the same images.

    Args:
        predictor: The bundle.
        train: What the baselines learn from.
        test: N images.
        seen: What `evaluate_pass.look` returned for both.
        parts: Slices of the test images.
        settings: Resamples, seed, calibration bins, and what a detection is.

    Returns:
        What `report.measure` returns, with what `abstaining.measure` does under `abstention`.

    Raises:
        VerdictError: The answers are no probabilities, or the groups are too few.
    """
    rivals = baselines.answers(train, seen.train_thumbnails, test, seen.test_thumbnails, settings.seed)
    metrics = report.measure(seen.answers, rivals, parts, settings)
    silent = abstaining.measure(seen.answers, seen.why, seen.strangers, predictor.limits, settings)
    return {**metrics, "abstention": silent}


def sentences(seen: Seen, metrics: dict[str, Any]) -> list[str]:
    """Say the gist of a report in a line, and in one each where there are too few test images.

    Args:
        seen: What was measured.
        metrics: What `measure` returned.

    Returns:
        Lines for the terminal.
    """
    gist = report.sentence(metrics) + abstaining.sentence(metrics["abstention"])
    return [gist, *report.shortages(seen.answers, metrics)]


def pictures(predictor: Predictor, raw: Path, paths: Sequence[str]) -> imaging.Pixels:
    """Read some images again, as the network sees them.

    Args:
        predictor: The bundle.
        raw: The folder of images.
        paths: At least one.

    Returns:
        uint8 [n, size_px, size_px, 3].
    """
    return np.concatenate(list(batch.read(predictor, raw, paths)))


def draw(
    predictor: Predictor,
    raw: Path,
    test: Cohort,
    seen: Seen,
    metrics: dict[str, Any],
    bins: int,
) -> dict[str, bytes]:
    """Draw everything that people look at.

    Args:
        predictor: The bundle.
        raw: The folder of images.
        test: N images.
        seen: What `evaluate_pass.look` returned for them.
        metrics: What `measure` returned.
        bins: Of the reliability curve.

    Returns:
        Files by name: PNG, and the numbers behind them as CSV.
    """
    chosen = samples.choose(test.targets, seen.answers.probabilities)
    shown = pictures(predictor, raw, [test.paths[place] for place in chosen])
    return {
        **figures.render(seen.answers, metrics, bins, chosen, shown),
        **abstaining_plots.render(seen.answers, metrics["abstention"]),
        "gallery.png": gallery(predictor, raw, test, seen.answers),
    }


def gallery(predictor: Predictor, raw: Path, test: Cohort, answers: Answers) -> bytes:
    """Draw mistakes and right answers beside their class-activation maps.

    Args:
        predictor: The bundle.
        raw: The folder of images.
        test: N images.
        answers: The bundle's for them.

    Returns:
        A PNG.
    """
    chosen = explain.choose(answers)
    places = chosen.all
    seen = list(batch.predict(predictor, raw, [test.paths[place] for place in places]))
    features = np.concatenate([prediction.features for _, prediction in seen])
    shares = None
    if predictor.head is not None:
        found = activation_map.contributions(features, predictor.head, answers.predictions[places])
        shares = activation_map.relative(found)
    names = [str(name)[:NAME_LENGTH] for name in test.rows["image_id"].iloc[places]]
    looked = explain.Looked(np.concatenate([pixels for pixels, _ in seen]), shares, names)
    return explain.gallery(answers, chosen, looked, predictor.bundle.notice)
