"""The pass of `evaluate` over the images: each is decoded once, for the bundle and the baselines alike.

Nothing here imports what measures and draws: that is loaded meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipelines import evaluate_share
from pipelines.evaluate_share import Files, Strangers
from scanops import imaging, workers
from scanops.abstention import Why
from scanops.bundle.bundle import Bundle
from scanops.bundle.predictor import Predictor
from scanops.config import Evaluation
from scanops.evaluation.cohort import Cohort
from scanops.evaluation.measures import Answers

MOST_PROCESSES = 8  # each holds the bundle; beyond some the disk is the limit
SHARES_A_TASK = 4


@dataclass(frozen=True)
class Seen:
    """What one pass over the images leaves in memory.

    Attributes:
        answers: The bundle's, for the test images.
        train_thumbnails: uint8 [M, S], see `thumbnails.shrink`.
        test_thumbnails: uint8 [N, S].
        why: Why there is none, for each of them; None where the answer stands.
        strangers: The same for pictures that are no head scans, a kind; empty where it never abstains.
        crop: `images` that were to be cropped, and `fallbacks`, those of them without a head to crop to.
    """

    answers: Answers
    train_thumbnails: imaging.Pixels
    test_thumbnails: imaging.Pixels
    why: list[Why | None]
    strangers: dict[str, list[Why | None]]
    crop: dict[str, int]


def look(
    predictor: Predictor, kinds: Sequence[str], raw: Path, train: Cohort, test: Cohort, settings: Evaluation
) -> Seen:
    """Read the training images, answer for the test images, and see what is made of strangers.

    Args:
        predictor: The bundle, which each process loads again.
        kinds: What `kinds` returned for it.
        raw: The folder of images.
        train: M images.
        test: N images.
        settings: Side of a thumbnail, number and seed of the strangers.

    Returns:
        The answers, and thumbnails of all images.

    Raises:
        ConfigError: A file is missing or cannot be read.
        ImageError: A file's content cannot be used.
        OutsideError: No process can be started, or one dies twice of the same images.
    """
    known, tested = _cut(train.paths, answered=False), _cut(test.paths, answered=True)
    others = [Strangers(kind, settings.strangers, settings.seed) for kind in kinds]
    done = list(_do([*known, *tested, *others], predictor.folder, raw, settings.baseline_side_px))
    answered = done[len(known) : len(known) + len(tested)]
    given = Answers(
        labels=test.targets,
        probabilities=np.concatenate([of.probabilities for of in answered if of.probabilities is not None]),
        groups=test.rows["group"].to_numpy(),
        classes=predictor.bundle.classes,
        temperature=predictor.bundle.temperature,
    )
    met = done[len(known) + len(tested) :]
    return Seen(
        given,
        _thumbnails(done[: len(known)]),
        _thumbnails(answered),
        [reason for of in answered for reason in of.why],
        {share.kind: list(of.why) for share, of in zip(others, met, strict=True)},
        {name: sum(getattr(of, name) for of in answered) for name in ("images", "fallbacks")},
    )


def kinds(bundle: Bundle) -> Sequence[str]:
    """List the kinds of pictures that are no head scans.

    Args:
        bundle: What its `bundle.json` says.

    Returns:
        Names for `Strangers`; none for a bundle that never abstains.
    """
    if bundle.abstention is None:
        return ()
    from scanops.data import strangers  # noqa: PLC0415 -- SciPy's filters, for bundles that abstain alone

    return tuple(strangers.KINDS)


def _cut(paths: Sequence[str], *, answered: bool) -> list[Files]:
    step = evaluate_share.IMAGES
    return [Files(paths[start : start + step], answered) for start in range(0, len(paths), step)]


def _do(
    shares: Sequence[Files | Strangers], bundle: Path, raw: Path, side_px: int
) -> Iterator[evaluate_share.Seen]:
    work = partial(evaluate_share.look, bundle=bundle.absolute(), raw=raw.absolute(), side_px=side_px)
    processes = min(MOST_PROCESSES, workers.usable_cores())
    each = workers.each(work, shares, workers=processes, chunk=SHARES_A_TASK)
    total = sum(len(share.paths) for share in shares if isinstance(share, Files))
    with (
        tqdm(total=total, unit="image", disable=None) as bar,
        contextlib.closing(each) as done,
    ):
        for share, seen in zip(shares, done, strict=True):
            bar.update(len(share.paths) if isinstance(share, Files) else 0)
            yield seen


def _thumbnails(done: Sequence[evaluate_share.Seen]) -> imaging.Pixels:
    return np.concatenate([of.thumbnails for of in done if of.thumbnails is not None])
