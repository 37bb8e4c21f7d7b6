"""The gate: it opens for a good model, and for nothing that only looks like one."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanops import config
from scanops.config import Evaluation, Gate
from scanops.evaluation import gate, report
from scanops.evaluation.measures import Answers
from scanops.evaluation.metrics import Integers, Probabilities

ROOT = Path(__file__).parents[3]
CLASSES = ["a", "b", "c", "rare"]
FLOORS = Gate(min_macro_f1=0.75)


def model(labels: Integers, seed: int = 0, strength: float = 5.0) -> Probabilities:
    """Answers of a model that is mostly right."""
    logits = np.random.default_rng(seed).normal(size=(len(labels), len(CLASSES)))
    logits[np.arange(len(labels)), labels] += strength
    scores = np.exp(logits)
    probabilities: Probabilities = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def measured(
    labels: Integers, probabilities: Probabilities, neighbour: Integers | None = None
) -> dict[str, Any]:
    """The report on a model beside weak baselines."""
    majority = np.zeros_like(labels)
    rivals = {
        "majority": majority,
        "image_size": majority,
        "nearest_neighbour": majority if neighbour is None else neighbour,
    }
    settings = Evaluation(bootstrap_resamples=400)
    answers = Answers(labels, probabilities, np.arange(len(labels)), CLASSES)
    return report.measure(answers, rivals, [], settings)


@pytest.fixture
def labels() -> Integers:
    """A test set with a rare class."""
    return np.repeat(np.arange(4), [80, 80, 80, 16])


@pytest.fixture
def good(labels: Integers) -> dict[str, Any]:
    """Metrics that pass."""
    return measured(labels, model(labels))


def failed(metrics: dict[str, Any]) -> list[str]:
    """Names of the checks that a model does not pass."""
    return [check.name for check in gate.judge(metrics, FLOORS) if not check.passed]


def test_a_good_model_passes_every_check(good: dict[str, Any]) -> None:
    """All floors are checked, by name and in order."""
    assert failed(good) == []
    names = [check.name for check in gate.judge(good, FLOORS)]
    assert names[:3] == ["balanced_accuracy", "macro_f1", "auroc"]
    assert names[3:7] == [f"recall[{name}]" for name in CLASSES]
    assert names[7].startswith("margin_over_baseline[")
    assert names[8:] == ["ece"]


def test_abstention_is_held_where_it_is_asked_for(good: dict[str, Any]) -> None:
    """Strangers by the lower end, rejected heads by the upper; a bundle that never abstains lacks both."""
    asked = FLOORS.model_copy(update={"min_strangers_abstained": 0.9, "max_false_rejection": 0.2})
    names = ["strangers_abstained", "false_rejection"]

    def missed(abstention: dict[str, Any] | None) -> list[str]:
        checks = gate.judge(good | {"abstention": abstention}, asked)
        assert [check.name for check in checks[-2:]] == names
        return [check.name for check in checks if not check.passed]

    kept = {names[0]: {"value": 0.97, "ci95": [0.95, 0.99]}, names[1]: {"value": 0.02, "ci95": [0.0, 0.05]}}
    assert missed(kept) == []
    assert missed(kept | {names[0]: {"value": 0.92, "ci95": [0.89, 0.95]}}) == names[:1]
    assert missed(kept | {names[1]: {"value": 0.15, "ci95": [0.1, 0.21]}}) == names[1:]
    assert missed(None) == names


def test_shuffled_labels_are_refused(labels: Integers) -> None:
    """A model that was taught shuffled labels does not pass."""
    shuffled = np.random.default_rng(1).permutation(labels)
    assert {"balanced_accuracy", "auroc"} <= set(failed(measured(labels, model(shuffled))))


def test_the_majority_model_is_refused_however_lopsided_the_data() -> None:
    """Accuracy of 98 % from one answer for all does not pass."""
    labels = np.repeat(np.arange(4), [980, 7, 7, 6])
    metrics = measured(labels, np.tile(np.array([0.97, 0.01, 0.01, 0.01], np.float32), (1000, 1)))
    assert metrics["accuracy"]["value"] == 0.98
    assert len(failed(metrics)) == 7  # all but the recall of the majority and its calibration


def test_two_swapped_classes_are_refused(labels: Integers) -> None:
    """A label map with two names exchanged does not pass, even for the rare class."""
    for swap in ([1, 0, 2, 3], [0, 1, 3, 2]):
        metrics = measured(labels, model(labels)[:, swap])
        assert {f"recall[{CLASSES[k]}]" for k in range(4) if swap[k] != k} <= set(failed(metrics))


def test_a_failed_rare_class_is_refused(labels: Integers) -> None:
    """Recall is held for each class, so good averages do not hide a lost one."""
    probabilities = model(labels, strength=9.0)
    probabilities[labels == 3] = np.array([0.5, 0.1, 0.1, 0.3], np.float32)
    assert "recall[rare]" in failed(measured(labels, probabilities))


def test_a_model_no_better_than_its_neighbours_is_refused(labels: Integers) -> None:
    """When the nearest training picture does as well, what looks like skill is a leak."""
    metrics = measured(labels, model(labels), neighbour=model(labels, seed=1).argmax(1))
    assert failed(metrics) == ["margin_over_baseline[nearest_neighbour]"]


def test_a_small_test_set_has_to_show_more(labels: Integers) -> None:
    """The same quality passes on many images and not on a few: the lower end decides."""
    few = np.repeat(np.arange(4), 4)
    many = np.repeat(np.arange(4), 400)
    small, large = (measured(y, model(y, seed=3, strength=3.0)) for y in (few, many))
    assert small["balanced_accuracy"]["value"] >= FLOORS.min_balanced_accuracy
    assert "balanced_accuracy" in failed(small)
    assert "balanced_accuracy" not in failed(large)


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), "0.99", True, [], {}])
def test_what_is_not_a_number_never_passes(good: dict[str, Any], bad: object) -> None:
    """NaN, infinity, text and gaps close the gate, whatever the floors and ceilings."""
    floors = Gate(
        min_balanced_accuracy=0,
        min_macro_f1=0,
        min_auroc=0,
        min_class_recall=0,
        min_margin_over_baseline=-1,
        max_ece=1,
    )
    broken = copy.deepcopy(good)
    broken["balanced_accuracy"]["ci95"] = [bad, 1.0]
    broken["auroc"] = bad
    broken["ece"]["ci95"] = [0.0, bad]
    broken["per_class"]["rare"]["recall"] = bad
    broken["baselines"]["image_size"]["margin"] = bad
    checks = {check.name: check for check in gate.judge(broken, floors)}
    for name in ("balanced_accuracy", "auroc", "recall[rare]", "margin_over_baseline[image_size]", "ece"):
        assert not checks[name].passed
        assert checks[name].value is None


def test_nothing_at_all_passes_nothing() -> None:
    """An empty report fails every check."""
    checks = gate.judge({}, FLOORS)
    assert len(checks) == 6
    assert not any(check.passed for check in checks)


def test_a_value_on_its_bound_passes() -> None:
    """A floor is reached, and a ceiling kept, at equality."""
    assert gate.at_least("x", 0.8, 0.8).passed
    assert gate.at_most("x", 0.8, 0.8).passed
    assert not gate.at_least("x", 0.8 - 1e-9, 0.8).passed
    assert not gate.at_most("x", 0.8 + 1e-9, 0.8).passed


def test_a_model_that_is_surer_than_right_is_refused(labels: Integers) -> None:
    """Good answers do not excuse a confidence that nobody can believe."""
    answers = model(labels, strength=4.0).argmax(1)
    unsure = (0.3 * np.eye(4)[answers] + 0.7 / 4).astype(np.float32)
    assert failed(measured(labels, unsure)) == ["ece"]


def test_the_calibration_error_is_judged_by_its_upper_end(good: dict[str, Any]) -> None:
    """The end of the interval that is worse decides, as for every floor."""
    good["ece"] = {"value": 0.01, "ci95": [0.0, 0.151]}
    assert failed(good) == ["ece"]


def test_a_heavy_bundle_is_refused() -> None:
    """The budget counts all files, in units of 10^6 bytes, and the report says by how much."""
    assert gate.weighs(17_000_000, FLOORS).passed
    heavy = asdict(gate.weighs(301_500_000, FLOORS))
    assert not heavy["passed"]
    table = gate.table({"verdict": "fail", "checks": [heavy]})
    assert table.splitlines()[1].split() == [
        *("bundle_mb", "301.5000", "at", "most", "300.0000", "over", "by", "1.5000")
    ]


@pytest.mark.parametrize("per_class", [[80, 80, 80, 16], [15, 15, 15, 15], [300, 20, 20, 20]])
def test_a_model_that_learnt_nothing_never_passes_the_projects_own_gate(per_class: list[int]) -> None:
    """Shuffled labels and one answer for all are refused by params.yaml, for every draw and any imbalance."""
    own = config.load(ROOT / "params.yaml").gate
    labels = np.repeat(np.arange(4), per_class)
    always = np.tile(np.array([0.97, 0.01, 0.01, 0.01], np.float32), (len(labels), 1))
    shuffled = [model(np.random.default_rng(seed).permutation(labels), seed) for seed in range(10)]
    for probabilities in (always, *shuffled):
        short = [check.name for check in gate.judge(measured(labels, probabilities), own) if not check.passed]
        assert {"balanced_accuracy", "macro_f1", "auroc"} <= set(short)


def test_the_table_says_by_how_much(good: dict[str, Any]) -> None:
    """Each check has an aligned line, which outlives a trip through JSON."""
    good["auroc"]["ci95"] = [0.85, 0.9]
    good["per_class"]["b"]["recall"] = None
    checks = [asdict(check) for check in gate.judge(good, FLOORS)]
    values = json.loads(json.dumps({"verdict": "fail", "checks": checks}))
    lines = gate.table(values).splitlines()
    assert next(line for line in lines if line.startswith("auroc")).split()[1:] == [
        "0.8500",
        "0.9000",
        "short",
        "by",
        "0.0500",
    ]
    assert next(line for line in lines if line.startswith("recall[b]")).endswith("missing")
    assert lines[-1] == "verdict: fail"
    assert len({line.index("0.6000") for line in lines if line.startswith("recall")}) == 1
    assert gate.summary(values) == "is refused: auroc short by 0.0500, recall[b] missing"


def test_warnings_about_the_data_stand_under_the_table() -> None:
    """What validation warned of is read together with the verdict, and changes no check."""
    checks = [asdict(gate.at_least("auroc", 0.95, 0.9))]
    report = {"verdict": "pass", "checks": checks, "warnings": ["size tells the class", "drift"]}
    assert gate.table(report).splitlines()[-3:] == [
        "verdict: pass",
        "warning: size tells the class",
        "warning: drift",
    ]
