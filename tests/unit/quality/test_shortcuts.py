"""Shortcuts: a planted one is found and named, and noise is not."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from scanops.quality import shortcuts
from scanops.quality.shortcuts import Shortcut
from tests.manifests import sound

MARGIN = 0.1


def _noise(per_class: dict[str, int], seed: int = 0) -> pd.DataFrame:
    """Features that vary, and know nothing of the class."""
    manifest = sound(per_class)
    rng, count = np.random.default_rng(seed), len(manifest)
    return manifest.assign(
        width=rng.choice([128, 200, 256, 512], count),
        height=rng.choice([128, 200, 256, 512], count),
        mode=rng.choice(["L", "RGB"], count),
        format=rng.choice(["PNG", "JPEG"], count),
        mean=rng.normal(80, 15, count),
        border=rng.normal(5, 2, count),
    )


def _found(manifest: pd.DataFrame) -> dict[str, Shortcut]:
    return {found.feature: found for found in shortcuts.find(manifest, MARGIN)}


def _strong(manifest: pd.DataFrame) -> set[str]:
    return {name for name, found in _found(manifest).items() if found.strong}


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_shortcut(seed: int) -> None:
    """Features that know nothing of the class are near chance, and none is strong."""
    found = _found(_noise({"a": 150, "b": 100, "c": 50}, seed))
    assert list(found) == ["size", "aspect", "mode", "format", "intensity", "border"]
    assert not any(shortcut.strong for shortcut in found.values())
    assert all(abs(s.score.balanced_accuracy.value - 1 / 3) < 0.12 for s in found.values())


@pytest.mark.parametrize(
    ("feature", "planted"),
    [
        ("size", {"width": [512, 256], "height": [512, 256]}),
        ("mode", {"mode": ["L", "RGB"]}),
        ("format", {"format": ["PNG", "JPEG"]}),
        ("intensity", {"mean": [40.0, 120.0]}),
        ("border", {"border": [0.0, 30.0]}),
    ],
)
def test_a_planted_shortcut_is_strong(feature: str, planted: dict[str, list[object]]) -> None:
    """A feature that tells two classes apart four times in five is found; the others are not blamed."""
    manifest = _noise({"a": 150, "b": 150})
    told = np.random.default_rng(1).random(300) < 0.8
    place = np.where(told, manifest["label"] == "b", manifest["label"] == "a").astype(int)
    for column, values in planted.items():
        manifest[column] = np.array(values, dtype=object)[place]
        manifest = manifest.infer_objects()
    found = _found(manifest)
    assert {name for name, shortcut in found.items() if shortcut.strong} == {feature}
    assert found[feature].score.accuracy.value == pytest.approx(0.8, abs=0.06)
    assert found[feature].score.majority == 0.5


def test_aspect_is_told_from_size() -> None:
    """One class wide and one tall, at any size, is a shortcut of the aspect."""
    manifest = _noise({"a": 150, "b": 150})
    side = manifest["width"]
    wide = manifest["label"] == "a"
    manifest["width"], manifest["height"] = side.where(wide, side * 2), (side * 2).where(wide, side)
    assert "aspect" in _strong(manifest)


def test_a_rare_class_is_not_hidden_by_the_majority() -> None:
    """A feature that gives a class of 5 % away is strong, though accuracy can rise by 0.05 only."""
    manifest = _noise({"a": 380, "b": 20})
    manifest.loc[manifest["label"] == "b", "border"] = 60.0
    found = _found(manifest)["border"]
    assert found.score.accuracy.value - found.score.majority < MARGIN
    assert found.strong


def test_copies_do_not_teach() -> None:
    """A picture counts once, and a patient's images are never on both sides of a fold."""
    rng = np.random.default_rng(0)
    manifest = _noise({"a": 200, "b": 200}).assign(border=np.round(rng.random(400) * 1e6))
    patients = [f"patient{i // 10}" for i in range(400)]
    # All images of a patient share a border that tells the patient, not the class.
    same = manifest.assign(group=patients, border=np.repeat(rng.permutation(40) * 100.0, 10))
    assert "border" not in _strong(same)
    copies = same.assign(picture=patients)
    assert _found(copies)["size"].score.images == 40


def test_quarantined_and_unreadable_images_do_not_count() -> None:
    """What is left out of training has no say, and what was not read has no features."""
    manifest = _noise({"a": 60, "b": 60})
    manifest.loc[:9, "quarantined"] = True
    unreadable = ["width", "height", "mode", "format", "mean", "border", "group", "picture"]
    manifest = manifest.astype(dict.fromkeys(unreadable, object))
    manifest.loc[100:104, unreadable] = None
    assert _found(manifest)["size"].score.images == 105


@pytest.mark.parametrize("per_class", [{"a": 50}, {"a": 50, "b": 4}])
def test_too_little_for_a_figure_gives_none(per_class: dict[str, int]) -> None:
    """One class, or a second one too small to cross-validate, has no shortcut to measure."""
    assert shortcuts.find(_noise(per_class), MARGIN) == []


def test_a_small_class_is_left_out_alone() -> None:
    """A class of three images does not keep the others from being measured."""
    assert _found(_noise({"a": 50, "b": 50, "c": 3}))["size"].score.images == 100


def test_the_supplied_split_shows_what_published_scores_rest_on() -> None:
    """Copies in the supplied test split are told by their odd size; grouped, size tells nothing."""
    manifest = _noise({"a": 100, "b": 100})
    rng = np.random.default_rng(2)
    manifest["width"] = rng.permutation(200) + 300
    copies = manifest.iloc[::2].assign(supplied_split="test", path="z/" + manifest["path"].iloc[::2])
    copies["image_id"] = "f" + copies["image_id"].str[1:]
    both = pd.concat([manifest.assign(supplied_split="train"), copies], ignore_index=True)
    found = _found(both)["size"]
    assert not found.strong
    assert found.as_supplied is not None
    assert found.as_supplied.accuracy.value == 1.0
    assert (found.as_supplied.images, found.as_supplied.majority) == (100, 0.5)
    assert "on the supplied test split accuracy 1.00 against 0.50" in shortcuts.sentence(found)


def test_order_does_not_matter_and_too_many_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows in another order give the same figures, also where only some pictures are drawn."""
    manifest = _noise({"a": 120, "b": 80})
    assert shortcuts.find(manifest, MARGIN) == shortcuts.find(manifest.sample(frac=1, random_state=1), MARGIN)
    monkeypatch.setattr(shortcuts, "LIMIT", 60)
    drawn = shortcuts.find(manifest.sample(frac=1, random_state=2), MARGIN)
    assert drawn == shortcuts.find(manifest, MARGIN)
    assert drawn[0].score.images == 60


def test_the_report_and_the_judge_get_the_same_figures() -> None:
    """What is shown is JSON with the agreed keys, and the measure is the lower end above chance."""
    manifest = _noise({"a": 100, "b": 100})
    manifest["mode"] = manifest["label"].map({"a": "L", "b": "RGB"})
    found = _found(manifest)["mode"]
    shown = json.loads(json.dumps(shortcuts.shown(found), allow_nan=False))
    assert shown == {
        "feature": "mode",
        "accuracy": {"value": 1.0, "ci95": [1.0, 1.0]},
        "balanced_accuracy": {"value": 1.0, "ci95": [1.0, 1.0]},
        "majority": 0.5,
        "images": 200,
        "above_chance": 0.5,
        "strong": True,
        "as_supplied": None,
    }
    (measure,) = shortcuts.measures([found], MARGIN)
    assert (measure.name, measure.value, measure.exceeded) == ("mode", 0.5, True)
    assert shortcuts.sentence(found).startswith("the colour mode alone tells the class: accuracy 1.00 (1.00")
