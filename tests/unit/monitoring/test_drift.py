"""Drift is found where it is, and not where it is not, as often as promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scanops.monitoring import drift
from scanops.monitoring.features import NUMBERS, Features
from scanops.validation_rules import Monitoring

CLASSES = ("glioma", "meningioma", "no_tumor", "pituitary")
SIDES = (128, 200, 256, 512)


def sample(
    rng: np.random.Generator,
    count: int,
    moved: float = 0.0,
    mix: tuple[float, ...] = (0.3, 0.3, 0.2, 0.2),
    sizes: tuple[float, ...] = (0.5, 0.2, 0.2, 0.1),
    silent: float = 0.05,
) -> list[Features]:
    """Draw pictures whose features hang together; `moved` shifts the contrast, in standard deviations."""
    normal = rng.normal(size=(count, 9))
    normal[:, 1:] += 0.6 * normal[:, :1]
    area = rng.choice(SIDES, count, p=sizes).astype(float) ** 2
    numbers = np.column_stack(
        [
            area,
            np.ones(count),
            normal[:, 0],
            normal[:, 1] + moved * np.hypot(1, 0.6),
            np.exp(normal[:, 2]),
            normal[:, 3:8],
        ]
    )
    predicted, why = rng.choice(CLASSES, count, p=mix), rng.random(count) < silent
    rows: list[list[Any]] = [
        [*row, str(name), "unlike_training" if far else "answered"]
        for row, name, far in zip(numbers.tolist(), predicted, why, strict=True)
    ]
    return [Features(*row) for row in rows]


def moved(report: dict[str, Any]) -> list[str]:
    """Name what has drifted."""
    return [one["feature"] for one in report["features"] if one["drifted"]]


def test_false_alarms_are_as_rare_as_promised() -> None:
    """In 200 windows without drift, on features that hang together, at most the promised share is an alarm.

    Sizes take four values only, one feature never varies, and no change is too small to count.
    """
    rules, rng, alarms = Monitoring(false_alarm_rate=0.05, min_psi=0.0), np.random.default_rng(5), 0
    for _ in range(200):
        alarms += drift.compare(sample(rng, 116), sample(rng, 150), rules)["verdict"] == "drift"
    assert alarms <= 0.05 * 200


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"moved": 0.9}, "std"),
        ({"mix": (0.62, 0.1, 0.14, 0.14)}, "predicted"),
        ({"sizes": (0.1, 0.2, 0.2, 0.5)}, "area"),
        ({"silent": 0.45}, "abstained"),
    ],
)
def test_a_shift_that_matters_is_found(change: dict[str, object], named: str) -> None:
    """A shift of three pictures in ten is found with the power promised, by the feature that moved."""
    rules, rng, found = Monitoring(), np.random.default_rng(6), 0
    needed = drift.compare(sample(rng, 116), sample(rng, 30), rules)["window_needed"]
    for _ in range(20):
        report = drift.compare(sample(rng, 116), sample(rng, needed, **change), rules)
        assert set(moved(report)) <= {named}
        found += report["verdict"] == "drift"
    assert found >= 0.9 * 20


def test_too_small_a_window_is_undecided() -> None:
    """What could not have been found is not said to be absent; what is found all the same is said."""
    rules, rng = Monitoring(), np.random.default_rng(7)
    reference = sample(rng, 300)
    needed = drift.compare(reference, [], rules)["window_needed"]
    for count in (0, 1, needed - 1):
        assert drift.compare(reference, sample(rng, count), rules)["verdict"] == "undecided"
    assert drift.compare(reference, sample(rng, needed), rules)["verdict"] == "none"
    assert drift.compare(reference, sample(rng, 40, moved=3.0), rules)["verdict"] == "drift"


def test_too_small_a_reference_is_told() -> None:
    """Where no window can be large enough, that is said, and what to do."""
    rng = np.random.default_rng(8)
    report = drift.compare(sample(rng, 40), sample(rng, 4000), Monitoring())
    assert report["verdict"] == "undecided"
    assert report["window_needed"] is None
    assert "val split" in drift.sentence(report)


def test_a_change_that_matters_to_nobody_is_no_drift() -> None:
    """A window of thousands makes every difference sure; a small one is no drift all the same."""
    rng = np.random.default_rng(9)
    report = drift.compare(sample(rng, 4000), sample(rng, 6000, moved=0.2), Monitoring())
    contrast = report["features"][NUMBERS.index("std")]
    assert contrast["p_corrected"] < 1e-6
    assert contrast["psi"] < 0.1
    assert report["verdict"] == "none"


def test_the_index_stays_within_chance() -> None:
    """One window of twenty exceeds the index that chance alone gives."""
    rng, beyond = np.random.default_rng(10), []
    for _ in range(60):
        report = drift.compare(sample(rng, 400), sample(rng, 400), Monitoring(false_alarm_rate=0.2))
        beyond += [
            one["psi"] > one["psi_by_chance"] for one in report["features"] if one["feature"] != "aspect"
        ]
    assert 0.02 < np.mean(beyond) < 0.09


def test_the_same_samples_give_the_same_report() -> None:
    """Nothing but the samples decides."""
    one, other = (np.random.default_rng(11) for _ in range(2))
    first, second = (
        drift.compare(sample(rng, 100), sample(rng, 200, 0.5), Monitoring()) for rng in (one, other)
    )
    assert first == second


def test_a_bundle_that_never_abstains_is_compared_by_the_rest() -> None:
    """What the bundle does not measure is left out, not taken for equal."""
    plain = Features(4096.0, 1.0, 60.0, 20.0, None, 0.9, None, None, None, None, "glioma", "answered")
    report = drift.compare([plain] * 50, [plain] * 50, Monitoring())
    assert [one["feature"] for one in report["features"]] == [
        *("area", "aspect", "mean", "std", "confidence", "predicted", "abstained")
    ]
    assert moved(report) == []


def test_rules_that_cannot_keep_their_promise_are_refused() -> None:
    """A floor under the index that would hide the shift asked for is a mistake in params.yaml."""
    with pytest.raises(ValueError, match="may hide a shift"):
        Monitoring(shift=0.2, min_psi=0.25)
