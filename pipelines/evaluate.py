"""Evaluate the bundle on the test split, with the predictor that production runs."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from pipelines import entry_point
from scanops import atomic, config, reports
from scanops.bundle import batch
from scanops.bundle.predictor import Predictor
from scanops.evaluation import baselines, cohort, figures, report, samples


def main() -> None:
    """Answer for every image, then write the predictions, the plots and the metrics."""
    args = entry_point.arguments(
        __doc__,
        raw="the folder of images",
        manifest="the manifest",
        splits="the splits",
        validation="the report on the data, whose warnings go on",
        bundle="the bundle's folder",
        predictions="where the predictions go",
        report="where the metrics go",
        plots="the folder where the plots go",
    )
    settings, predictor = config.load(args.params).evaluation, Predictor(args.bundle)
    about = {"warnings": reports.warnings(reports.read(args.validation))}
    classes, side = predictor.bundle.classes, settings.baseline_side_px
    tables = cohort.read(args.splits), cohort.read(args.manifest)
    train, test = (cohort.select(*tables, classes, split) for split in ("train", "test"))
    known, seen, answers = [], [], []
    with tqdm(total=len(train.paths) + len(test.paths), unit="image", disable=None) as bar:
        for pixels in batch.read(predictor, args.raw, train.paths, bar.update):
            known += [baselines.thumbnail(image, side) for image in pixels]
        for pixels, prediction in batch.predict(predictor, args.raw, test.paths, bar.update):
            seen += [baselines.thumbnail(image, side) for image in pixels]
            answers.append(prediction.probabilities)
    probabilities = np.concatenate(answers)
    rivals = baselines.answers(train, np.stack(known), test, np.stack(seen), settings.seed)
    groups = test.rows["group"].to_numpy()
    metrics = report.measure(test.targets, probabilities, groups, rivals, classes, settings)
    chosen = samples.choose(test.targets, probabilities)
    pictures = np.concatenate(list(batch.read(predictor, args.raw, [test.paths[i] for i in chosen])))
    bins = settings.calibration_bins
    drawn = figures.render(test.targets, probabilities, classes, bins, chosen, pictures)
    with atomic.replacing(args.predictions) as draft:
        cohort.with_answers(test, probabilities, classes).to_parquet(draft, index=False)
    with atomic.replacing(args.plots) as folder:
        folder.mkdir()
        for name, content in drawn.items():
            (folder / name).write_bytes(content)
    atomic.write_json(args.report, {**metrics, **about, "bundle_sha256": predictor.bundle_sha256})
    print(report.sentence(metrics))


if __name__ == "__main__":
    entry_point.run(main)
