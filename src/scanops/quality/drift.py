"""Drift: how far the data have moved from the version that was accepted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from scanops.intervals import Floats
from scanops.quality.measure import Measure
from scanops.quality.profile import Histogram, Profile, area, count
from scanops.validation_rules import Drift

DIGITS = 6

_HTML = re.compile("[<>&\"']")  # a class may be called anything


def compare(manifest: pd.DataFrame, accepted: Profile, rules: Drift) -> list[Measure]:
    """Measure the distance of data from accepted data.

    Args:
        manifest: What `data.survey.survey` returns.
        accepted: Profile of the accepted data.
        rules: Thresholds.

    Returns:
        Classes that came or went; the change of each class's share; the population stability index of
        area and mean grey level; the change of each kind of defect's rate. Empty without a usable image:
        other expectations fail such data.
    """
    usable = manifest[~manifest["quarantined"]]
    if usable.empty:
        return []
    return [
        *_classes(usable, accepted, rules),
        Measure(
            "size_psi",
            _index(area(usable), accepted.size),
            rules.max_size_psi,
            "the image area keeps its distribution: population stability index up to max_size_psi",
        ),
        Measure(
            "intensity_psi",
            _index(usable["mean"].to_numpy(np.float64), accepted.intensity),
            rules.max_intensity_psi,
            "the mean grey level keeps its distribution: population stability index up to max_intensity_psi",
        ),
        *_defects(manifest, accepted, rules),
    ]


def population_stability(expected: Sequence[int], seen: Sequence[int]) -> float:
    """Compare two histograms over the same bins.

    The population stability index, sum of (q - p) ln(q / p) over the bins (Siddiqi 2006, Credit Risk
    Scorecards, ch. 5; the symmetric divergence of Jeffreys 1946). Half a count is added to each bin
    (Krichevsky and Trofimov 1981), so that an empty one costs much and not everything.

    Args:
        expected: Counts a bin, at least one image.
        seen: Counts a bin, as many bins.

    Returns:
        0 for equal shares; by custom, under 0.1 is stable and above 0.25 a shift.
    """
    before, after = (np.asarray(counts, np.float64) + 0.5 for counts in (expected, seen))
    p, q = before / before.sum(), after / after.sum()
    return float(((q - p) * np.log(q / p)).sum())


def _index(values: Floats, accepted: Histogram) -> float:
    return round(population_stability(accepted.counts, count(values, accepted.edges)), DIGITS)


def _classes(usable: pd.DataFrame, accepted: Profile, rules: Drift) -> list[Measure]:
    images = {str(label): int(number) for label, number in usable.groupby("label").size().items()}
    known = {label: number for label, number in accepted.classes.items() if number}
    before, after = _shares(known), _shares(images)
    changed = float(len(set(images) ^ set(known)))
    return [
        Measure("classes_changed", changed, 0.0, "no class is new, and none is gone"),
        *(
            Measure(
                f"class_share[{_HTML.sub(_spelled, label)}]",
                round(abs(after.get(label, 0.0) - before.get(label, 0.0)), DIGITS),
                rules.max_class_share_change,
                f"the share of class {label} changes by at most max_class_share_change",
            )
            for label in sorted({*before, *after})
        ),
    ]


def _spelled(found: re.Match[str]) -> str:
    """Spell a character that Great Expectations' pages would take for HTML in a name."""
    return f"\\x{ord(found[0]):02x}"


def _shares(images: Mapping[str, int]) -> dict[str, float]:
    total = sum(images.values())
    return {label: number / total for label, number in images.items()}


def _defects(manifest: pd.DataFrame, accepted: Profile, rules: Drift) -> list[Measure]:
    seen = Counter(kind for defects in manifest["defects"] for kind in defects)
    return [
        Measure(
            f"defect_rate[{kind}]",
            round(abs(seen[kind] / len(manifest) - number / accepted.images), DIGITS),
            rules.max_defect_rate_change,
            f"the share of images with the defect {kind} changes by at most max_defect_rate_change",
        )
        for kind, number in accepted.defects.items()
    ]
