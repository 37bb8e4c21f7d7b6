"""Evaluate the bundle on the test split, with the predictor that production runs."""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor

from pipelines import entry_point, evaluate_pass
from scanops import atomic, config, reports
from scanops.bundle import origin
from scanops.bundle.predictor import Predictor
from scanops.evaluation import cohort, detection, slices


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
    origin.require(predictor.bundle, args.manifest, args.splits)
    classes, manifest = predictor.bundle.classes, cohort.read(args.manifest)
    detection.negative_class(classes, settings.negative_class)  # a wrong name is told before the work
    tables = cohort.read(args.splits), manifest
    train, test = (cohort.select(*tables, classes, split) for split in ("train", "test"))
    kinds = evaluate_pass.kinds(predictor.bundle)  # first: two threads would load SciPy at a time
    with ThreadPoolExecutor(1) as meanwhile:
        for module in ("pipelines.evaluate_run", "pipelines.model_card_facts"):
            meanwhile.submit(importlib.import_module, module)
        seen = evaluate_pass.look(predictor, kinds, args.raw, train, test, settings)
    from pipelines import evaluate_run, model_card_facts  # noqa: PLC0415 -- loaded while images were read

    metrics = evaluate_run.measure(predictor, train, test, seen, slices.cut(test, manifest), settings)
    drawn = evaluate_run.draw(predictor, args.raw, test, seen, metrics, settings.calibration_bins)
    gist, *told = evaluate_run.sentences(seen, metrics)
    metrics["warnings"] = [*reports.warnings(validation), *told]
    metrics |= {"bundle_sha256": predictor.bundle_sha256, "crop_fallbacks": seen.crop}
    card = model_card_facts.card(args.bundle, params, tables[0], validation, metrics)
    with atomic.replacing(args.predictions) as draft:
        answers = cohort.with_answers(test, seen.answers.probabilities, classes, seen.why)
        answers.to_parquet(draft, index=False)
    atomic.write_folder(args.plots, drawn)
    atomic.write_text(args.card, card)
    atomic.write_json(args.report, metrics)
    print(gist, *told, sep="\n")


if __name__ == "__main__":
    entry_point.run(main)
