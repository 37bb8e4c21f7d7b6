"""Train the network on the train split, choose its best weights by the val split, track it in MLflow.

A run that was killed goes on after its last whole epoch, by what it left in SCANOPS_CACHE/training.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from pipelines import entry_point
from scanops import atomic, config, imaging
from scanops.data import splits
from scanops.digest import hash_file
from scanops.evaluation import learning
from scanops.release import tracking
from scanops.training import architectures, archive, augment, checkpoints, classifier, dataset, fit, pixels


def main() -> None:
    """Run the stage."""
    paths = entry_point.arguments(
        __doc__,
        raw="folder of pulled images",
        splits="Parquet file of the split stage",
        model="Keras model to write",
        plots="folder of plots to write",
    )
    params = config.load(paths.params)
    knobs, look, rules, tally = params.training, params.imaging, params.augmentation, imaging.CropTally()
    fit.make_reproducible(knobs.seed)
    parts = [splits.read(paths.splits, part) for part in ("train", "val")]
    classes = sorted(parts[0]["label"].unique())
    targets = [np.searchsorted(classes, rows["label"]) for rows in parts]
    form = imaging.InputForm(architectures.input_size_px(knobs, look.size_px), look.fit, look.crop)
    model = classifier.build(knobs, len(classes), form.size_px)
    wanted = [(paths.raw, list(rows["path"]), form, tally) for rows in parts]
    sections = {"imaging": look, "augmentation": rules, "training": knobs}
    tags = {"dataset": params.dataset, "splits_sha256": hash_file(paths.splits)}
    with (
        tracking.run(params.tracking, f"{params.dataset} {knobs.architecture}", sections, tags) as run,
        pixels.decoded(*wanted[0]) as train,
        pixels.decoded(*wanted[1]) as val,
    ):
        known = (dataset.Part(train, targets[0]), dataset.Part(val, targets[1]))
        batches = dataset.prepare(*known, knobs, rules)
        with checkpoints.keeping(entry_point.cache_folder(), model, known, knobs, rules) as kept:
            curve = fit.fit(model, batches, knobs, lambda p: run.log_epoch(p.epoch, p.curves()), kept)
            examples = augment.examples(train, targets[0], knobs.seed, rules)
            atomic.write_folder(paths.plots, learning.render([asdict(p) for p in curve], examples, classes))
            archive.save(model, paths.model)
        run.tag(model_sha256=hash_file(paths.model))
        run.log_files(paths.plots)
    print(fit.sentence(curve, knobs) + tally.remark())


if __name__ == "__main__":
    entry_point.run(main)
