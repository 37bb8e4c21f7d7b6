"""The work of the stage `train`: alone, as the chief of several workers, or as one of the others."""

from __future__ import annotations

import contextlib
import os
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import keras
import numpy as np

from pipelines import entry_point
from scanops import atomic, imaging
from scanops.config import Config
from scanops.data import splits
from scanops.digest import hash_file
from scanops.evaluation import learning
from scanops.release import tracking
from scanops.training import (
    architectures,
    archive,
    augment,
    checkpoints,
    classifier,
    dataset,
    fit,
    leash,
    meeting,
    pixels,
)
from scanops.training.curve import Epoch
from scanops.training.distributed import SharedEpochs
from scanops.training.group import Group, SharedCheckpoint
from scanops.training.team import Team


def run(params: Config, paths: Namespace, team: Team | None) -> None:
    """Train, and write what comes out; a worker that is not the chief writes nothing.

    Args:
        params: All parameters.
        paths: Where the stage reads and writes.
        team: The workers to train with; None to train alone.
    """
    group = (
        _joined(team) if team else None
    )  # before anything else of TensorFlow, which can join others only first
    fit.make_reproducible(params.training.seed)
    with _opened(params, paths) as work:
        if team is None or team.is_chief:
            _lead(work, params, paths, group)
        elif group:
            _fit(work, params, group, None, lambda _: None)
    if group:
        group.dismiss()


def _joined(team: Team) -> Group:
    rope = leash.held(os.environ)
    meeting.meet(team, rope)
    return Group(team, rope)


@dataclass(frozen=True)
class _Work:
    model: keras.Model
    classes: list[str]
    parts: tuple[dataset.Part, dataset.Part]
    tally: imaging.CropTally


@contextlib.contextmanager
def _opened(params: Config, paths: Namespace) -> Iterator[_Work]:
    """Build the model, and decode the pictures."""
    knobs, look, tally = params.training, params.imaging, imaging.CropTally()
    tables = [splits.read(paths.splits, part) for part in ("train", "val")]
    classes = sorted(tables[0]["label"].unique())
    targets = [np.searchsorted(classes, rows["label"]) for rows in tables]
    form = imaging.InputForm(architectures.input_size_px(knobs, look.size_px), look.fit, look.crop)
    model = classifier.build(knobs, len(classes), form.size_px)
    wanted = [(paths.raw, list(rows["path"]), form, tally) for rows in tables]
    with pixels.decoded(*wanted[0]) as train, pixels.decoded(*wanted[1]) as val:
        parts = (dataset.Part(train, targets[0]), dataset.Part(val, targets[1]))
        yield _Work(model, classes, parts, tally)


def _lead(work: _Work, params: Config, paths: Namespace, group: Group | None) -> None:
    """Train, track, and write what comes out."""
    knobs, rules = params.training, params.augmentation
    sections = {"imaging": params.imaging, "augmentation": rules, "training": knobs}
    tags = {"dataset": params.dataset, "splits_sha256": hash_file(paths.splits)}
    with tracking.run(params.tracking, f"{params.dataset} {knobs.architecture}", sections, tags) as run:
        cache = entry_point.cache_folder()
        with checkpoints.keeping(cache, work.model, work.parts, knobs, rules) as kept:
            curve = _fit(work, params, group, kept, lambda p: run.log_epoch(p.epoch, p.curves()))
            train = work.parts[0]
            examples = augment.examples(train.pixels, train.targets, knobs.seed, rules)
            drawn = learning.render([asdict(p) for p in curve], examples, work.classes)
            atomic.write_folder(paths.plots, drawn)
            archive.save(work.model, paths.model)
        run.tag(model_sha256=hash_file(paths.model), resumed=str(bool(kept and kept.resumed)))
        run.log_files(paths.plots)
    print(fit.sentence(curve, knobs) + work.tally.remark())


def _fit(
    work: _Work,
    params: Config,
    group: Group | None,
    kept: checkpoints.Checkpoint | None,
    on_epoch: Callable[[Epoch], None],
) -> list[Epoch]:
    knobs, rules = params.training, params.augmentation

    def share(part: dataset.Share | None = None) -> dataset.Batches:
        return dataset.prepare(*work.parts, knobs, rules, part)

    if group is None:
        return fit.fit(work.model, share(), knobs, on_epoch, kept)
    with group.heeding():
        group.require_same(checkpoints.key(work.model, work.parts, knobs, rules))
        return fit.fit(
            work.model,
            share(),
            knobs,
            on_epoch,
            SharedCheckpoint(group, kept),
            lambda model: SharedEpochs(model, group, share, knobs),
        )
