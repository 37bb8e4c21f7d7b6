"""The pass of `evaluate` over the images: each is decoded once, for the bundle and the baselines alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from scanops import activation_map, imaging
from scanops.bundle import batch
from scanops.bundle.predictor import Predictor
from scanops.evaluation import baselines, explain
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
        crop: Counts the test images without a head to crop to.
    """

    answers: Answers
    train_thumbnails: imaging.Pixels
    test_thumbnails: imaging.Pixels
    crop: imaging.CropTally


def look(predictor: Predictor, raw: Path, train: Cohort, test: Cohort, side_px: int) -> Seen:
    """Read the training images, and answer for the test images.

    Args:
        predictor: The bundle.
        raw: The folder of images.
        train: M images.
        test: N images.
        side_px: Side of a thumbnail.

    Returns:
        The answers, and thumbnails of all images.

    Raises:
        ConfigError: A file is missing or cannot be read.
        ImageError: A file's content cannot be used.
    """
    known: list[imaging.Pixels] = []
    seen: list[imaging.Pixels] = []
    answers, tally = [], imaging.CropTally()
    with tqdm(total=len(train.paths) + len(test.paths), unit="image", disable=None) as bar:
        for pixels in batch.read(predictor, raw, train.paths, bar.update):
            known += [baselines.thumbnail(image, side_px) for image in pixels]
        for pixels, prediction in batch.predict(predictor, raw, test.paths, bar.update, tally):
            seen += [baselines.thumbnail(image, side_px) for image in pixels]
            answers.append(prediction.probabilities)
    given = Answers(
        labels=test.targets,
        probabilities=np.concatenate(answers),
        groups=test.rows["group"].to_numpy(),
        classes=predictor.bundle.classes,
        temperature=predictor.bundle.temperature,
    )
    return Seen(given, np.stack(known), np.stack(seen), tally)


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
