"""Train the network on the train split, choose its best weights by the val split, track it in MLflow."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from pipelines import entry_point
from scanops import config
from scanops.atomic import replacing
from scanops.data import splits
from scanops.digest import hash_file
from scanops.evaluation import learning
from scanops.release import tracking
from scanops.training import architectures, archive, dataset, fit, pixels


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
    knobs, imaging = params.training, params.imaging
    fit.make_reproducible(knobs.seed)
    parts = {part: splits.read(paths.splits, part) for part in ("train", "val")}
    classes = sorted(parts["train"]["label"].unique())
    targets = {part: np.searchsorted(classes, rows["label"]) for part, rows in parts.items()}
    size_px = architectures.input_size_px(knobs, imaging.size_px)
    model = architectures.build(knobs, len(classes), size_px)
    wanted = [(paths.raw, list(rows["path"]), size_px, imaging.fit) for rows in parts.values()]
    sections = {"imaging": imaging, "augmentation": params.augmentation, "training": knobs}
    tags = {"dataset": params.dataset, "splits_sha256": hash_file(paths.splits)}
    with (
        tracking.run(params.tracking, f"{params.dataset} {knobs.architecture}", sections, tags) as run,
        pixels.decoded(*wanted[0]) as train,
        pixels.decoded(*wanted[1]) as val,
        replacing(paths.plots) as folder,
    ):
        known = (dataset.Part(train, targets["train"]), dataset.Part(val, targets["val"]))
        batches = dataset.prepare(*known, knobs, params.augmentation)
        curve = fit.fit(model, batches, knobs, lambda point: run.log_epoch(point.epoch, point.curves()))
        folder.mkdir()
        seen, labels = next(batches.train.as_numpy_iterator())
        for name, content in learning.render([asdict(p) for p in curve], seen, labels, classes).items():
            (folder / name).write_bytes(content)
        archive.save(model, paths.model)
        run.tag(model_sha256=hash_file(paths.model))
        run.log_files(folder)
    print(fit.sentence(curve))


if __name__ == "__main__":
    entry_point.run(main)
