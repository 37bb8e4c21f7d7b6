"""The three steps of a comparison: plan the experiments, have them run, measure what came out."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines import entry_point
from scanops import config, search_space
from scanops.bundle import batch, footprint
from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.config import Config
from scanops.digest import hash_file
from scanops.errors import VerdictError
from scanops.evaluation import cohort, comparison
from scanops.evaluation.cohort import Cohort
from scanops.evaluation.metrics import Integers
from scanops.release import comparison_runs, experiment_queue, experiments, local_inputs, reproduce
from scanops.search_space import Changes, Search

# Where a candidate ends, and where the data do that all share; `evaluate`, which opens the test split,
# stands behind both.
TARGET, SHARED = "export", "split"
RAW, MANIFEST, SPLITS, BUNDLE = "data/raw", "data/manifest.parquet", "data/splits.parquet", "data/bundle"


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        params: Parameters that all candidates start from.
        data: Name of the experiment that makes the data.
        candidates: What each candidate changes, by the name of its experiment.
        settings: All that each experiment, that of the data too, is to change in `params.yaml`.
    """

    params: Config
    data: str
    candidates: Mapping[str, Changes]
    settings: Mapping[str, Changes]


def plan(search: Search, raw: dict[str, Any], root: Path) -> Plan:
    """Name each experiment, and check all parameters before any work.

    Args:
        search: What to try.
        raw: The mapping read from `params.yaml`.
        root: The project's folder.

    Returns:
        The plan; candidates that come to the same parameters are one.

    Raises:
        ConfigError: A candidate's parameters are not valid, a file that they name is missing, or git does
            not know the code.
    """
    graph = config.read_yaml(root / "dvc.yaml")
    experiments.require_tracked(graph, root)
    params = search_space.configure(raw, search.base)
    # Where the project lies is in no name: it decides nothing.
    data = experiments.name(graph, SHARED, params, root)
    base = {**search.base, **local_inputs.source(params, root)}
    candidates: dict[str, Changes] = {}
    settings: dict[str, Changes] = {data: base}
    for changes in search.points():
        wanted = {**search.base, **changes}
        start = local_inputs.weights(search_space.configure(raw, wanted).training, root)
        one = experiments.name(graph, TARGET, search_space.configure(raw, {**wanted, **start}), root)
        candidates.setdefault(one, changes)
        settings.setdefault(one, {**base, **changes, **start})
    return Plan(params, data, candidates, settings)


def carry_out(planned: Plan, search: Search, root: Path) -> None:
    """Make the data once, then let DVC's queue work off the candidates.

    An interrupt ends what is running, and leaves the rest in the queue; the next call goes on.

    Args:
        planned: What `plan` returned.
        search: What to try, and how many at a time.
        root: The project's folder.

    Raises:
        OutsideError: DVC's queue cannot be used.
    """
    if planned.data not in experiments.results(root):
        base = search_space.words(planned.settings[planned.data])
        changes = [word for change in base for word in ("--set-param", change)]
        # PYTHONPATH: see `experiment_queue.work`.
        command = [
            "env",
            "PYTHONPATH=src",
            "dvc",
            "exp",
            "run",
            "--temp",
            "--name",
            planned.data,
            *changes,
            SHARED,
        ]
        if code := reproduce.run(command):
            sys.exit(code)
    wanted = {name: search_space.words(planned.settings[name]) for name in planned.candidates}
    known = len(wanted.keys() & experiments.results(root).keys())
    print(f"compare: {len(wanted)} candidates, {known} with a result from before")
    try:
        experiment_queue.queue(root, TARGET, wanted)
        experiment_queue.wait(
            root,
            wanted,
            search.jobs,
            lambda name, state: print(
                f"{state.lower()}: {comparison.label(planned.candidates[name])} ({name})", flush=True
            ),
        )
    except KeyboardInterrupt:
        experiment_queue.stop(root)
        raise


def collect(planned: Plan, search: Search, root: Path) -> dict[str, Any]:
    """Fetch each bundle, let it answer for the validation images, and rank.

    Args:
        planned: What `plan` returned.
        search: What was tried.
        root: The project's folder.

    Returns:
        What `reports/compare.json` holds.

    Raises:
        VerdictError: A bundle was made from other data, or the split is too small for intervals.
        OutsideError: DVC's cache has lost an output.
    """
    done = experiments.results(root)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        val, classes = _validation(root, done[planned.data], folder)
        answers: dict[str, Integers] = {}
        costs: dict[str, dict[str, Any]] = {}
        for name in planned.candidates:
            if name in done:
                bundle = folder / name
                experiments.fetch(root, done[name], BUNDLE, bundle)
                answers[name] = _answer(bundle, folder, val, classes)
                costs[name] = _costs(bundle)
        groups, settings = val.rows["group"].to_numpy(), planned.params.evaluation
        figures = comparison.measure(val.targets, answers, groups, len(classes), settings) if answers else {}
    return {
        "name": search.name,
        "split": "val",
        "images": len(val.targets),
        "groups": len(np.unique(groups)),
        "base": search.base,
        "candidates": [
            _entry(rank, name, planned, search, measured, costs[name])
            for rank, (name, measured) in enumerate(figures.items(), start=1)
        ],
        "failed": [
            {"experiment": name, "changes": changes, "fault": experiment_queue.fault(root, name)}
            for name, changes in planned.candidates.items()
            if name not in done
        ],
    }


def _validation(root: Path, commit: str, folder: Path) -> tuple[Cohort, tuple[str, ...]]:
    """Fetch the tables, and the images of the validation split: no other image is there to be opened."""
    for path in (MANIFEST, SPLITS):
        experiments.fetch(root, commit, path, folder / path)
    splits = cohort.read(folder / SPLITS)
    seen = splits[(splits["split"] == "val") & splits["representative"]]
    classes = tuple(sorted(seen["label"].unique()))
    val = cohort.select(splits, cohort.read(folder / MANIFEST), classes, "val")
    experiments.fetch_images(root, commit, RAW, val.paths, folder / RAW)
    return val, classes


def _answer(bundle: Path, folder: Path, val: Cohort, classes: tuple[str, ...]) -> Integers:
    """Answer for every validation image with the predictor that production runs: places among `classes`."""
    predictor = Predictor(bundle)
    described = predictor.bundle
    if described.data_sha256 != hash_file(folder / MANIFEST) or described.classes != classes:
        raise VerdictError(f"bundle of {bundle.name}", "was made from other data", "Remove its experiment")
    with entry_point.bar("answer", len(val.paths)) as bar:
        given = [
            answer.probabilities
            for _, answer in batch.predict(predictor, folder / RAW, val.paths, bar.update)
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
    values = {
        f"compare.{one}": measured[one]["value"]
        for one in comparison.MEASURES
        if measured[one]["value"] is not None
    }
    values["compare.latency_ms"] = costs["latency_ms"]
    taken = comparison_runs.adopt(planned.params.tracking, costs["model_sha256"], search.name, values)
    return {
        "rank": rank,
        "experiment": name,
        "changes": planned.candidates[name],
        **measured,
        **costs,
        "training_s": None if taken is None else round(taken, 1),
    }
