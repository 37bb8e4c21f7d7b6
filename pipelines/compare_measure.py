"""The last step of a comparison: each bundle answers for the validation images, and all are ranked."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines import entry_point
from pipelines.compare_run import Plan
from scanops.bundle import batch, footprint, origin
from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.errors import ScanopsError, VerdictError
from scanops.evaluation import cohort, comparison
from scanops.evaluation.cohort import Cohort
from scanops.evaluation.metrics import Integers
from scanops.release import comparison_runs, experiment_queue, experiments
from scanops.search_space import Search

RAW, MANIFEST, SPLITS, BUNDLE = "data/raw", "data/manifest.parquet", "data/splits.parquet", "data/bundle"


@dataclass(frozen=True)
class Questions:
    """What every candidate is asked.

    Attributes:
        val: The validation images, with their labels.
        classes: Names, in order.
        folder: Holds the images, and the manifest.
    """

    val: Cohort
    classes: tuple[str, ...]
    folder: Path


def collect(planned: Plan, search: Search, root: Path, faults: Mapping[str, str]) -> dict[str, Any]:
    """Fetch each bundle, let it answer for the validation images, and rank.

    Args:
        planned: What `compare_run.plan` returned.
        search: What was tried.
        root: The project's folder.
        faults: Why candidates failed, by name, where that is known.

    Returns:
        What `reports/compare.json` holds; a candidate whose bundle cannot be measured is among `failed`.

    Raises:
        VerdictError: The split is too small for intervals.
        OutsideError: DVC's cache has lost the data.
    """
    done, faults = experiments.results(root), dict(faults)
    answers: dict[str, Integers] = {}
    costs: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        asked = _questions(root, done[planned.data], Path(scratch))
        for name in planned.candidates:
            try:
                if name in done:
                    answers[name], costs[name] = _measure(root, name, done[name], asked)
            except ScanopsError as error:
                again = f"remove its experiment (`dvc exp remove {name}`), then compare again"
                faults[name] = f"{error.subject}: {error.fault}; {again}"
    groups, settings = asked.val.rows["group"].to_numpy(), planned.params.evaluation
    truth = asked.val.targets
    figures = comparison.measure(truth, answers, groups, len(asked.classes), settings) if answers else {}
    failed = [
        {
            "experiment": name,
            "changes": changes,
            "fault": faults.get(name) or experiment_queue.fault(root, name),
        }
        for name, changes in planned.candidates.items()
        if name not in figures
    ]
    for one in failed:
        comparison_runs.note(one, search.name)
    return {
        "name": search.name,
        "split": "val",
        "images": len(truth),
        "groups": len(np.unique(groups)),
        "base": search.base,
        "candidates": [
            _entry(rank, name, planned, search, measured, costs[name])
            for rank, (name, measured) in enumerate(figures.items(), start=1)
        ],
        "failed": failed,
    }


def _questions(root: Path, commit: str, folder: Path) -> Questions:
    """Fetch the tables, and the images of the validation split: no other image is there to be opened."""
    for path in (MANIFEST, SPLITS):
        experiments.fetch(root, commit, path, folder / path)
    splits = cohort.read(folder / SPLITS)
    seen = splits[(splits["split"] == "val") & splits["representative"]]
    classes = tuple(sorted(seen["label"].unique()))
    val = cohort.select(splits, cohort.read(folder / MANIFEST), classes, "val")
    experiments.fetch_images(root, commit, RAW, val.paths, folder / RAW)
    return Questions(val, classes, folder)


def _measure(root: Path, name: str, commit: str, asked: Questions) -> tuple[Integers, dict[str, Any]]:
    """Fetch a bundle for as long as it is measured: there may be hundreds."""
    with tempfile.TemporaryDirectory(dir=asked.folder) as scratch:
        bundle = Path(scratch) / name
        experiments.fetch(root, commit, BUNDLE, bundle)
        return _answer(bundle, asked), _costs(bundle)


def _answer(bundle: Path, asked: Questions) -> Integers:
    """Answer for every validation image with the predictor that production runs: places among `classes`."""
    predictor = Predictor(bundle)
    described = predictor.bundle
    origin.require(described, asked.folder / MANIFEST, asked.folder / SPLITS)
    if described.classes != asked.classes:
        raise VerdictError("its bundle", "knows other classes", "Make it anew")
    with entry_point.bar("answer", len(asked.val.paths)) as bar:
        given = [
            answer.probabilities
            for _, answer in batch.predict(predictor, asked.folder / RAW, asked.val.paths, bar.update)
        ]
    return np.asarray(np.concatenate(given).argmax(axis=1), np.int64)


def _costs(bundle: Path) -> dict[str, Any]:
    described = bundles.read(bundle)
    return {
        "parameters": footprint.parameters(bundle),
        "bundle_bytes": bundles.size_bytes(bundle),
        "latency_ms": round(footprint.latency_ms(bundle), 3),
        "size_px": described.size_px,
        "bundle_sha256": bundles.hash_bundle(bundle),
        "model_sha256": described.model_sha256,
    }


def _entry(
    rank: int, name: str, planned: Plan, search: Search, measured: dict[str, Any], costs: dict[str, Any]
) -> dict[str, Any]:
    entry = {"rank": rank, "experiment": name, "changes": planned.candidates[name], **measured, **costs}
    trained = comparison_runs.training(planned.params.tracking, costs["model_sha256"])
    comparison_runs.note(entry, search.name, None if trained is None else trained.run_id)
    taken = None if trained is None else trained.seconds
    return {**entry, "training_s": None if taken is None else round(taken, 1)}
