"""Teach a bundle when to keep silent: the score from training pictures, the limits from validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanops import abstention, appearance, novelty
from scanops.abstention import Limits
from scanops.bundle import bundle as bundles
from scanops.bundle import novelty_fit
from scanops.bundle.batch import BATCH_SIZE
from scanops.bundle.predictor import Predictor
from scanops.digest import hash_file
from scanops.imaging import Pixels
from scanops.model_rules import Abstention


@dataclass(frozen=True)
class Sample:
    """Pictures of one split.

    Attributes:
        pixels: uint8 [N, S, S, 3], as the network gets them.
        labels: N names of classes.
        groups: N names of groups.
    """

    pixels: Pixels
    labels: Sequence[str]
    groups: Sequence[str]


def teach(predictor: Predictor, train: Sample, val: Sample, rules: Abstention) -> Limits:
    """Fit the score, choose the limits, and write both into the bundle.

    Args:
        predictor: The bundle, calibrated.
        train: What the network has learnt from.
        val: What it has not; the limits are chosen by these alone.
        rules: How many head scans may be turned away.

    Returns:
        The limits.

    Raises:
        VerdictError: There are too few pictures, or the network's answers are not finite.
    """
    targets = np.array([predictor.bundle.classes.index(label) for label in train.labels], np.int64)
    seen, looks, _ = _look(predictor, train.pixels)
    learnt = novelty.Novelty(
        novelty_fit.fit(seen, targets, novelty_fit.EMBEDDING_AXES),
        novelty_fit.fit(looks, targets, novelty_fit.LOOKS_AXES),
    )
    embedding, looks, confidence = _look(predictor, val.pixels)
    learnt = novelty.Novelty(
        novelty_fit.measure_by(learnt.embedding, embedding), novelty_fit.measure_by(learnt.looks, looks)
    )
    path = predictor.folder / bundles.NOVELTY
    path.write_bytes(novelty.pack(learnt))
    limits = abstention.choose(
        learnt.compare(embedding, looks),
        confidence,
        np.array(val.groups),
        rules.max_false_rejection,
        rules.low_confidence_share,
    )
    described = bundles.Abstention(
        max_novelty=limits.novelty,
        min_confidence=limits.confidence,
        false_rejection=round(limits.false_rejection, abstention.DIGITS),
        novelty_sha256=hash_file(path),
    )
    bundles.write(predictor.folder, predictor.bundle.model_copy(update={"abstention": described}))
    return limits


def sentence(limits: Limits) -> str:
    """Say the limits in a few words.

    Args:
        limits: What `teach` returned.

    Returns:
        A part of a line for the terminal.
    """
    unsure = f" or below confidence {limits.confidence:.3f}" if limits.confidence else ""
    return (
        f"abstains beyond novelty {limits.novelty:.2f}{unsure}, from {limits.false_rejection:.1%} "
        "of scans like those of validation at most"
    )


def _look(
    predictor: Predictor, pixels: Pixels
) -> tuple[novelty.Floats, novelty.Floats, npt.NDArray[np.float32]]:
    """Return embeddings [N, D], descriptions of the looks [N, L] and confidences [N]."""
    parts = []
    for start in range(0, len(pixels), BATCH_SIZE):
        batch = np.asarray(pixels[start : start + BATCH_SIZE])
        given = predictor.predict(batch)
        parts.append((given.embedding, appearance.describe(batch), given.probabilities.max(axis=1)))
    embedding, looks, confidence = (np.concatenate(part) for part in zip(*parts, strict=True))
    return embedding, looks, confidence
