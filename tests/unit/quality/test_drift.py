"""Drift: equal data have none, each kind of change is measured, and the profile tells on no image."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanops.quality import drift
from scanops.quality.profile import Histogram, Profile, count, describe
from scanops.validation_rules import Drift
from tests.manifests import sound

RULES = Drift()
COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12).filter(any)


def _varied(per_class: dict[str, int], seed: int = 0) -> pd.DataFrame:
    manifest = sound(per_class)
    rng, images = np.random.default_rng(seed), len(manifest)
    side = rng.integers(100, 500, images)
    return manifest.assign(width=side, height=side + 10, mean=rng.normal(90, 12, images))


def _accepted(manifest: pd.DataFrame) -> Profile:
    profile = describe(manifest)
    assert profile is not None
    return profile


def _drifted(manifest: pd.DataFrame, accepted: pd.DataFrame) -> list[str]:
    return [m.name for m in drift.compare(manifest, _accepted(accepted), RULES) if m.exceeded]


def test_equal_data_have_no_drift() -> None:
    """Every measure of the accepted data themselves is zero."""
    manifest = _varied({"a": 100, "b": 60})
    measures = drift.compare(manifest, _accepted(manifest), RULES)
    assert {m.value for m in measures} == {0.0}
    names = [m.name for m in measures]
    assert names[:5] == ["classes_changed", "class_share[a]", "class_share[b]", "size_psi", "intensity_psi"]
    assert "defect_rate[blank]" in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("seed", range(1, 6))
def test_another_draw_of_the_same_kind_has_no_drift(seed: int) -> None:
    """Chance alone, at some hundred images, stays within the thresholds."""
    assert _drifted(_varied({"a": 300, "b": 200}, seed), _varied({"a": 300, "b": 200})) == []


def test_each_kind_of_change_is_named() -> None:
    """Balance, classes, size, intensity and defects drift, each alone."""
    before = _varied({"a": 300, "b": 200})
    assert _drifted(_varied({"a": 300, "b": 60}, 1), before) == ["class_share[a]", "class_share[b]"]
    assert _drifted(_varied({"a": 300, "b": 200, "c": 4}, 1), before) == ["classes_changed"]
    assert _drifted(before.assign(width=before["width"] * 2), before) == ["size_psi"]
    assert _drifted(before.assign(mean=before["mean"] * 1.2), before) == ["intensity_psi"]
    blank = before.assign(defects=pd.Series([["blank"] if i < 50 else [] for i in range(500)]))
    assert _drifted(blank, before) == ["defect_rate[blank]"]
    assert _drifted(before, blank) == ["defect_rate[blank]"]


def test_a_class_that_is_gone_is_drift() -> None:
    """A class whose images are all quarantined is gone, however few they were."""
    before = _varied({"a": 300, "b": 10})
    after = before.assign(quarantined=before["label"] == "b")
    measures = {m.name: m.value for m in drift.compare(after, _accepted(before), RULES)}
    assert measures["classes_changed"] == 1.0
    assert measures["class_share[b]"] == pytest.approx(10 / 310, abs=1e-6)


def test_data_without_a_usable_image_have_no_profile() -> None:
    """Nothing is compared, and nothing can be accepted, where nothing is usable."""
    before = _varied({"a": 30, "b": 30})
    empty = before.assign(quarantined=True)
    assert describe(empty) is None
    assert drift.compare(empty, _accepted(before), RULES) == []


def test_the_index_by_hand() -> None:
    """Shares of 1/4 and 3/4 exchanged give ln 3, for counts so large that half a count is nothing."""
    value = drift.population_stability([1_000_000, 3_000_000], [3_000_000, 1_000_000])
    assert value == pytest.approx(math.log(3), abs=1e-5)


@given(COUNTS, st.integers(1, 9))
def test_the_index_is_a_distance(counts: list[int], times: int) -> None:
    """It is finite, symmetric, never negative, and zero for equal counts, also with empty bins."""
    other = [(number * 7 + place * 13) % 400 for place, number in enumerate(counts)]
    found = drift.population_stability(counts, other)
    assert math.isfinite(found)
    assert found >= 0
    assert found == pytest.approx(drift.population_stability(other, counts))
    assert drift.population_stability(counts, counts) == 0


def test_alike_images_share_a_bin() -> None:
    """Where most images are of one size, that size is an edge, and the few others stand apart."""
    manifest = sound({"a": 90, "b": 10})
    manifest.loc[manifest["label"] == "b", "width"] = 500
    profile = _accepted(manifest)
    assert profile.size == Histogram(edges=(128.0 * 128.0,), counts=(90, 10))
    moved = manifest.assign(width=500)
    assert _drifted(moved, manifest) == ["size_psi"]


def test_every_image_is_counted_once() -> None:
    """Counts add up to the images, below the first edge, on an edge and above the last."""
    assert count(np.array([0.0, 1.0, 1.5, 2.0, 9.0]), (1.0, 2.0)) == (2, 2, 1)


def test_a_profile_is_small_and_tells_on_nobody() -> None:
    """It survives JSON, and holds no path, hash, patient or group."""
    manifest = _varied({"a": 50, "b": 50}).assign(patient="Jane Roe")
    text = json.dumps(_accepted(manifest).model_dump(mode="json"))
    assert Profile.model_validate(json.loads(text)) == _accepted(manifest)
    assert len(text) < 3000
    for column in ("path", "image_id", "pixel_sha256", "group", "patient"):
        assert not any(str(value) in text for value in manifest[column] if len(str(value)) > 3)
