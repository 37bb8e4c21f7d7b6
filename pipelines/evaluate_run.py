"""The pass of `evaluate` over the images: each is decoded once, for the bundle and the baselines alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from scanops import activation_map, imaging
from scanops.abstention import Why
from scanops.bundle import batch
from scanops.bundle.predictor import Predictor
from scanops.config import Evaluation
from scanops.data import strangers
from scanops.evaluation import abstaining_plots, baselines, explain, figures, samples
from scanops.evaluation.cohort import Cohort
from scanops.evaluation.measures import Answers

NAME_LENGTH = 12  # of an image's id in the gallery: enough to find it in the predictions


@dataclass(frozen=True)
class Seen:
    """What one pass over the images leaves in memory.

    Attributes:
        answers: The bundle's, for the test images.
        train_thumbnails: uint8 [M, S], see `baselines.thumbnail`.
        test_thumbnails: uint8 [N, S].
        why: Why there is none, for each of them; None where the answer stands.
        strangers: The same for pictures that are no head scans, see `meet_strangers`.
        crop: Counts the test images without a head to crop to.
    """

    answers: Answers
    train_thumbnails: imaging.Pixels
    test_thumbnails: imaging.Pixels
    why: list[Why | None]
    strangers: dict[str, list[Why | None]]
    crop: imaging.CropTally


def look(predictor: Predictor, raw: Path, train: Cohort, test: Cohort, settings: Evaluation) -> Seen:
    """Read the training images, answer for the test images, and see what is made of strangers.

    Args:
        predictor: The bundle.
        raw: The folder of images.
        train: M images.
        test: N images.
        settings: Side of a thumbnail, number and seed of the strangers.

    Returns:
        The answers, and thumbnails of all images.

    Raises:
        ConfigError: A file is missing or cannot be read.
        ImageError: A file's content cannot be used.
    """
    known: list[imaging.Pixels] = []
    seen: list[imaging.Pixels] = []
    answers, tally = [], imaging.CropTally()
    why: list[Why | None] = []
    side_px = settings.baseline_side_px
    with tqdm(total=len(train.paths) + len(test.paths), unit="image", disable=None) as bar:
        for pixels in batch.read(predictor, raw, train.paths, bar.update):
            known += [baselines.thumbnail(image, side_px) for image in pixels]
        for pixels in batch.read(predictor, raw, test.paths, bar.update, tally):
            seen += [baselines.thumbnail(image, side_px) for image in pixels]
            verdict = predictor.answer(pixels)
            answers.append(verdict.prediction.probabilities)
            why += verdict.why
    met = meet_strangers(predictor, settings.strangers, settings.seed)
    given = Answers(
        labels=test.targets,
        probabilities=np.concatenate(answers),
        groups=test.rows["group"].to_numpy(),
        classes=predictor.bundle.classes,
        temperature=predictor.bundle.temperature,
    )
    return Seen(given, np.stack(known), np.stack(seen), why, met, tally)


def meet_strangers(predictor: Predictor, count: int, seed: int) -> dict[str, list[Why | None]]:
    """Show a bundle pictures that are no head scans, the same way as scans.

    Args:
        predictor: The bundle.
        count: How many of each kind.
        seed: Of the pictures.

    Returns:
        Reasons to abstain, None where it answers, a kind; nothing for a bundle that never abstains.
    """
    told: dict[str, list[Why | None]] = {}
    for kind in strangers.KINDS if predictor.bundle.abstention else ():
        told[kind] = []
        drawn = list(strangers.draw(kind, count, seed))
        for start in range(0, count, batch.BATCH_SIZE):
            shown = [
                predictor.fit_input(imaging.Decoded(picture, "PNG", picture.mode, *picture.size))
                for picture in drawn[start : start + batch.BATCH_SIZE]
            ]
            told[kind] += predictor.answer(np.stack(shown)).why
    return told


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
        seen: What `look` returned for them.
        metrics: What `report.measure` returned, with what `abstaining.measure` did under `abstention`.
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
