"""The challenge: a worse model hardly ever wins, a tie never, a better one mostly."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binomtest

from scanops.config import Challenge, Evaluation
from scanops.errors import VerdictError
from scanops.evaluation import challenge
from scanops.evaluation.metrics import Integers
from scanops.intervals import Interval

CLASSES = 4
RULES = Challenge()
SETTINGS = Evaluation(bootstrap_resamples=300)
Sides = tuple[Integers, Integers, Integers, npt.NDArray[np.int64]]


def simulated(images: int, points: float, seed: int, per_group: int = 1) -> Sides:
    """Draw a test split and the answers of two models that err on much the same images.

    The champion is right for 90 of 100 images, the challenger for `points` more. Images of a group are
    right or wrong together.
    """
    rng = np.random.default_rng(seed)
    groups = np.arange(images) // per_group
    count = groups[-1] + 1
    labels = rng.integers(0, CLASSES, count)[groups]
    hardness = rng.random(count)
    other = np.where(rng.random(count) < 0.7, hardness, rng.random(count))
    wrong = (labels + rng.integers(1, CLASSES, images)) % CLASSES
    champion = np.where(hardness[groups] < 0.9, labels, wrong)
    challenger = np.where(other[groups] < 0.9 + points / 100, labels, wrong)
    return labels, champion, challenger, groups


def judged(sides: Sides, rules: Challenge = RULES) -> dict[str, Any]:
    """Let the challenger of a simulation step up."""
    return challenge.compare(*sides, rules, SETTINGS)


def passes(images: int, points: tuple[float, ...], per_group: int = 1, runs: int = 200) -> float:
    """Share of simulated challengers that pass."""
    verdicts = [
        judged(simulated(images, points[seed % len(points)], seed, per_group))["verdict"]
        for seed in range(runs)
    ]
    return verdicts.count("pass") / runs


@pytest.mark.parametrize(("images", "per_group"), [(130, 1), (300, 1), (390, 3)])
def test_of_200_worse_challengers_at_most_one_in_twenty_passes(images: int, per_group: int) -> None:
    """Challengers that are worse by 1 to 5 points are kept out, also where images come in groups."""
    assert passes(images, (-1.0, -2.0, -3.0, -4.0, -5.0), per_group) <= 0.05


def test_a_better_challenger_passes() -> None:
    """Five points more on 400 images are seen at least nine times in ten."""
    assert passes(400, (5.0,), runs=60) >= 0.9


def test_the_champion_against_itself_is_a_tie() -> None:
    """The same answers promote nothing, whatever the margin."""
    labels, champion, _, groups = simulated(200, 0.0, 1)
    found = judged((labels, champion, champion.copy(), groups), Challenge(margin=0.2))
    assert found["verdict"] == "tie"
    assert found["difference"] == {"value": 0.0, "ci95": [0.0, 0.0]}
    assert found["mcnemar"] == {"champion_alone": 0, "challenger_alone": 0, "p_value": 1.0}


def test_other_answers_of_the_same_worth_are_a_tie() -> None:
    """Who errs as often in every class is not better, also when it errs elsewhere."""
    labels = np.repeat(np.arange(3), 30)
    champion, challenger = labels.copy(), labels.copy()
    champion[::30] = (labels[::30] + 1) % 3
    challenger[1::30] = (labels[1::30] + 1) % 3
    assert judged((labels, champion, challenger, np.arange(90)))["verdict"] == "tie"


@pytest.mark.parametrize("swap", [[1, 0, 2, 3], [0, 1, 3, 2]])
def test_a_copy_of_the_champion_with_two_classes_swapped_is_refused(swap: list[int]) -> None:
    """A label map that was mixed up never reaches production, not even with the widest margin."""
    labels, champion, _, groups = simulated(120, 0.0, 2)
    swapped = np.array(swap)[champion]
    assert judged((labels, champion, swapped, groups), Challenge(margin=0.2))["verdict"] == "refused"


def test_what_knows_nothing_is_refused() -> None:
    """One answer for all, and shuffled labels, lose against any champion."""
    labels, champion, _, groups = simulated(150, 0.0, 3)
    for challenger in (np.zeros_like(labels), np.random.default_rng(0).permutation(labels)):
        assert judged((labels, champion, challenger, groups))["verdict"] == "refused"


@pytest.mark.parametrize(
    ("value", "low", "expected"),
    [
        (0.02, 0.0, "pass"),
        (0.02, -0.0099, "pass"),
        (0.02, -0.01, "refused"),
        (-0.001, -0.002, "refused"),
        (0.0, -0.5, "tie"),
        (1e-17, -0.001, "tie"),
        (float("nan"), float("nan"), "refused"),
        (0.5, float("nan"), "refused"),
    ],
)
def test_the_rule(value: float, low: float, expected: str) -> None:
    """Better, and surely not worse by the margin; what is undefined never passes."""
    assert challenge.verdict(Interval(value, low, 1.0), 0.01) == expected


def test_better_in_accuracy_alone_does_not_pass() -> None:
    """A challenger that wins the common class and loses the rare one is worse: classes weigh the same."""
    labels = np.repeat([0, 1], [190, 10])
    champion = np.where(np.arange(200) < 20, 1, labels)
    challenger = np.zeros(200, np.int64)
    found = judged((labels, champion, challenger, np.arange(200)))
    assert found["challenger"]["accuracy"]["value"] > found["champion"]["accuracy"]["value"]
    assert found["verdict"] == "refused"


@pytest.mark.parametrize(("old", "new"), [(0, 1), (5, 5), (3, 12), (40, 11), (0, 900)])
def test_mcnemars_test_is_the_exact_one(old: int, new: int) -> None:
    """The p-value is that of a fair coin, two-sided."""
    labels = np.zeros(old + new + 7, np.int64)
    champion, challenger = labels.copy(), labels.copy()
    challenger[:old], champion[old : old + new] = 1, 1
    found = challenge.mcnemar(labels, champion, challenger)
    assert (found["champion_alone"], found["challenger_alone"]) == (old, new)
    assert found["p_value"] == pytest.approx(binomtest(old, old + new).pvalue, abs=1e-6)


def test_the_report_keeps_its_contract() -> None:
    """reports/challenge.json has the keys that others rely on, and is valid JSON; a run repeats exactly."""
    sides = simulated(100, 2.0, 4)
    found = judged(sides)
    assert {"verdict", "champion", "challenger", "difference", "margin", "test_images"} <= set(found)
    assert set(found["difference"]) == {"value", "ci95"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found == judged(sides)


def test_one_group_decides_nothing() -> None:
    """Images that all belong together give no interval, and no verdict."""
    labels, champion, challenger, _ = simulated(50, 5.0, 5)
    with pytest.raises(VerdictError, match="too few for an interval"):
        judged((labels, champion, challenger, np.zeros(50, np.int64)))
