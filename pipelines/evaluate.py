"""Evaluate the bundle on the test split, with the predictor that production runs."""

from __future__ import annotations

from pipelines import entry_point, evaluate_run, model_card_facts
from scanops import atomic, config, reports
from scanops.bundle.predictor import Predictor
from scanops.evaluation import baselines, cohort, detection, figures, model_card, report, samples, slices


def main() -> None:
    """Answer for every image, then write the predictions, the plots, the metrics and the model card."""
    args = entry_point.arguments(
        __doc__,
        raw="the folder of images",
        manifest="the manifest",
        splits="the splits",
        validation="the report on the data, whose warnings go on",
        bundle="the bundle's folder",
        predictions="where the predictions go",
        report="where the metrics go",
        card="where the model card goes",
        plots="the folder where the plots go",
    )
    params, predictor = config.load(args.params), Predictor(args.bundle)
    settings, validation = params.evaluation, reports.read(args.validation)
    classes, manifest = predictor.bundle.classes, cohort.read(args.manifest)
    detection.negative_class(classes, settings.negative_class)  # a wrong name is told before the work
    tables = cohort.read(args.splits), manifest
    train, test = (cohort.select(*tables, classes, split) for split in ("train", "test"))
    parts = slices.cut(test, manifest)
    seen = evaluate_run.look(predictor, args.raw, train, test, settings.baseline_side_px)
    rivals = baselines.answers(train, seen.train_thumbnails, test, seen.test_thumbnails, settings.seed)
    metrics = report.measure(seen.answers, rivals, parts, settings)
    chosen = samples.choose(test.targets, seen.answers.probabilities)
    pictures = evaluate_run.pictures(predictor, args.raw, [test.paths[place] for place in chosen])
    drawn = figures.render(seen.answers, metrics, settings.calibration_bins, chosen, pictures)
    drawn["gallery.png"] = evaluate_run.gallery(predictor, args.raw, test, seen.answers)
    metrics |= {"warnings": [*reports.warnings(validation), *report.shortages(seen.answers, metrics)]}
    metrics |= {"bundle_sha256": predictor.bundle_sha256, "crop_fallbacks": seen.crop.counts()}
    source = model_card_facts.source(params.dataset, params.source)
    sections = (params.split, params.imaging, params.augmentation, params.training, params.export)
    facts = model_card_facts.gather(args.bundle, source, sections, tables[0], validation, metrics)
    with atomic.replacing(args.predictions) as draft:
        cohort.with_answers(test, seen.answers.probabilities, classes).to_parquet(draft, index=False)
    atomic.write_folder(args.plots, drawn)
    atomic.write_text(args.card, model_card.render(facts))
    atomic.write_json(args.report, metrics)
    print(report.sentence(metrics), *report.shortages(seen.answers, metrics), sep="\n")


if __name__ == "__main__":
    entry_point.run(main)
