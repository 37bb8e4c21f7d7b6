"""The model card names all that was measured, and nothing that is not known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scanops.config import Evaluation
from scanops.evaluation import model_card, report
from scanops.evaluation.measures import Answers
from scanops.evaluation.slices import Slice

CLASSES = ("glioma", "a|b`<i>", "no_tumor")
ROWS = [
    (f"{label}{n}", label, part, n != 5)
    for label in CLASSES
    for n, part in enumerate(("train", "train", "val", "test", "test", "train"))
]


@cache
def measured(count: int = 60) -> dict[str, Any]:
    """Measure answers that are often right; with few of them some intervals are impossible."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 3
    probabilities = rng.dirichlet(np.ones(3), count) * 0.5 + np.eye(3)[rng.integers(0, 3, count)] * 0.5
    given = Answers(labels, probabilities.astype(np.float32), np.arange(count), CLASSES, temperature=1.3)
    rivals = {"majority": np.zeros(count, np.int64), "image_size": labels}
    slices = [
        Slice("format", "PNG", np.arange(count) % 2 == 0),
        Slice("copies", "copied", np.arange(count) < 2, (1.0, 2.0)),
    ]
    return report.measure(given, rivals, slices, Evaluation(bootstrap_resamples=200))


def facts(metrics: Mapping[str, Any]) -> model_card.Facts:
    """Give what a card needs, with some things unknown."""
    bundle: dict[str, Any] = {"architecture": "cnn_small", "precision": "int8", "classes": list(CLASSES)}
    bundle |= {"notice": "Not a medical device.", "size_px": 64, "fit": "pad", "crop": "none"}
    bundle |= {"temperature": 1.3}
    return model_card.Facts(
        bundle={**bundle, "data_sha256": "d" * 64, "params_sha256": "a" * 64},
        bundle_sha256="b" * 64,
        parameters=1234,
        size_bytes=2_500_000,
        source={"name": "phantom", "kind": "phantom"},
        settings={"training": {"weights_sha256": None, "epochs": 4, "learning_rate": 0.002, "mixed": False}},
        splits=pd.DataFrame(ROWS, columns=["path", "label", "split", "representative"]),
        validation={
            "verdict": "warn",
            "warnings": ["not met: x"],
            "images": 20,
            "quarantined": 2,
            "defects": {"blank": 1},
            "supplied_split_leakage": {"test_images": 9, "leaked": 4, "leaked_nearly": None},
        },
        metrics=metrics,
    )


def leaves(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Walk through a report: the name of each measure, and its value."""
    for name, value in values.items():
        if isinstance(value, Mapping) and "ci95" in value:
            yield name, value["value"]
        elif isinstance(value, Mapping):
            yield name, None
            yield from leaves(value)


@pytest.mark.parametrize("count", [60, 9, 4])
def test_every_measure_is_named_and_nothing_is_empty(count: int) -> None:
    """Each metric, class, baseline and slice of the report is on the card with its figure."""
    metrics = measured(count)
    text = model_card.render(facts(metrics))
    for name, value in leaves({key: held for key, held in metrics.items() if key != "per_class"}):
        assert re.sub(r"([|`<>])", r"\\\1", name).lower() in text.lower(), name
        assert value is None or f"{value:.3f}" in text, name
    for row in metrics["per_class"].values():
        for name, value in row.items():
            assert name.endswith("_ci95") or name == "support" or name in text
            assert not isinstance(value, float) or f"{value:.3f}" in text
    assert not re.search(r"\b(None|NaN|nan|inf|Undefined)\b", text)


def test_an_impossible_interval_is_said_in_words() -> None:
    """Where there are too few images the card says so, beside the value."""
    text = model_card.render(facts(measured(4)))
    assert "no interval: too few images" in text
    assert "| copies: copied | 2 | 2 | too few | too few |" in text


def test_what_is_measured_later_is_on_the_card_too() -> None:
    """A measure that this card has never heard of is listed all the same."""
    interval = {"value": 0.25, "ci95": [0.2, 0.3]}
    more = {
        "abstention": {"threshold": 0.5, "coverage": interval, "kinds": ["noise", "text"]},
        "new": interval,
    }
    text = model_card.render(facts({**measured(), **more}))
    assert "- abstention.threshold: 0.500" in text
    assert "- abstention.coverage: 0.250 (0.200 to 0.300)" in text
    assert "- abstention.kinds: noise, text" in text
    assert "| new | 0.250 | 0.200 to 0.300 |" in text


def test_data_and_purpose_are_told() -> None:
    """Counts a class and split (of pictures), quarantine, leaks, settings, and what it is not for."""
    text = model_card.render(facts(measured()))
    assert "| glioma | 2 | 1 | 2 |" in text
    assert "| quarantined | 2 |" in text
    assert "| … whose very pixels are in the supplied training split | 4 |" in text
    assert "- Warning: not met: x" in text
    assert "weights\\_sha256" not in text
    assert "weights_sha256 not set, epochs 4, learning_rate 0.002, mixed no" in text
    assert "| precision of what ships | int8 |" in text
    assert "Not for diagnosis" in text
    assert "Not a medical device." in text


def test_names_cannot_break_the_card() -> None:
    """A class named like markup stays a name in its cell."""
    text = model_card.render(facts(measured()))
    assert "| a\\|b\\`\\<i\\> | 2 | 1 | 2 |" in text
    odd = facts(measured())
    assert "two\\\\nlines" in model_card.render(replace(odd, source={"name": "two\nlines"}))


def test_the_same_facts_give_the_same_bytes() -> None:
    """No clock and no host: a card is an output of the graph."""
    assert model_card.render(facts(measured())) == model_card.render(facts(measured()))


def test_what_validation_did_not_say_is_left_out() -> None:
    """A report on the data with a verdict alone, or without one, is no reason to give no card."""
    for said, expected in (({"verdict": "pass"}, "verdict: pass"), ({}, "verdict: not known")):
        text = model_card.render(replace(facts(measured()), validation=said))
        assert expected in text
        assert "Warning" not in text
