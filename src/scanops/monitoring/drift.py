"""Whether the pictures that a service gets are still those that its model was validated on.

Numbers are compared by the Kolmogorov–Smirnov test, kinds by the chi-squared test, whose chance is drawn
from tables of the same margins (Patefield 1981, doi:10.2307/2346669; one is added to both counts, Phipson
and Smyth 2010, doi:10.2202/1544-6115.1585). Holm's correction (Holm 1979, Scand. J. Statist. 6:65–70) holds
the chance of any false alarm in one look below the rate asked for, however the features hang together. How
large a change is, beside how sure, the population stability index says: a large window finds changes that
matter to nobody.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import optimize, stats

from scanops.intervals import Floats
from scanops.monitoring.features import KINDS, NUMBERS, Features
from scanops.quality.drift import population_stability
from scanops.validation_rules import Monitoring

# Up to this many pairs the exact distribution is taken; beyond, SciPy's sums may overflow.
EXACT_PAIRS = 50_000
DECILES = np.arange(1, 10) / 10
SEED = 7
DIGITS = 6


def compare(reference: Sequence[Features], window: Sequence[Features], rules: Monitoring) -> dict[str, Any]:
    """Compare a window with the reference.

    Args:
        reference: M pictures of validation, at least two.
        window: N pictures, each of another request.
        rules: Rates, and what matters.

    Returns:
        `verdict`: `drift`; `none`, where a shift of the size that matters would have been found; else
        `undecided`. `features`, each with its tests; `least_shift`, what this window would find;
        `window_needed`, how many requests a verdict `none` takes, or None where the reference is too small.
    """
    numbers = [name for name in NUMBERS if getattr(reference[0], name) is not None]
    tests = len(numbers) + len(KINDS)
    level = rules.false_alarm_rate / tests
    found = []
    if window:
        before, after = (
            [[getattr(one, name) for name in numbers] for one in side] for side in (reference, window)
        )
        columns = zip(numbers, np.array(before, float).T, np.array(after, float).T, strict=True)
        found = [_compare_numbers(*column) for column in columns]
        for name in KINDS:
            sides = (Counter(getattr(one, name) for one in side) for side in (reference, window))
            found.append(_compare_kinds(name, math.ceil(10 / level), *sides))
        _correct(found, rules)
    categories = max(len({getattr(one, name) for one in (*reference, *window)}) for name in KINDS)
    needed = _pairs_needed(level, rules, categories)
    verdict = _verdict(found, _pairs(len(reference), len(window)) >= needed(rules.shift))
    return {
        "verdict": verdict,
        "reference_pictures": len(reference),
        "window_requests": len(window),
        "window_needed": _window_needed(len(reference), needed(rules.shift)),
        "least_shift": _least_shift(_pairs(len(reference), len(window)), needed),
        "rules": rules.model_dump(),
        "features": found,
    }


def sentence(report: Mapping[str, Any]) -> str:
    """Say the verdict in words.

    Args:
        report: What `compare` returned.

    Returns:
        One or two sentences.
    """
    requests, pictures = report["window_requests"], report["reference_pictures"]
    power = f"{report['rules']['power']:.0%}"
    compared = f"{requests} requests beside {pictures} pictures of validation"
    if report["verdict"] == "drift":
        moved = [f"{one['feature']} (PSI {one['psi']:.2f})" for one in report["features"] if one["drifted"]]
        return f"drift: {', '.join(moved)}; {compared}"
    if report["verdict"] == "none":
        return (
            f"no drift: {compared}; a shift of {report['least_shift']:.0%} of the pictures would have been "
            f"found with a probability of {power}"
        )
    needed = report["window_needed"]
    wanted = (
        f"it takes {needed} requests"
        if needed
        else f"beside {pictures} pictures none is large enough: enlarge the val split, or monitoring.shift"
    )
    return f"undecided: {compared} are too few to say that there is no drift; {wanted}"


def _verdict(found: Sequence[dict[str, Any]], enough: bool) -> str:
    if any(one["drifted"] for one in found):
        return "drift"
    return "none" if enough else "undecided"


def _compare_numbers(name: str, before: Floats, after: Floats) -> dict[str, Any]:
    method = "exact" if len(before) * len(after) <= EXACT_PAIRS else "asymp"
    test = stats.ks_2samp(before, after, method=method)
    # A real value, not one between two: where most pictures are alike, their value is an edge.
    edges = np.unique(np.quantile(before, DECILES, method="inverted_cdf"))
    counts = [_count(values, edges) for values in (before, after)]
    return {
        "feature": name,
        "test": "kolmogorov_smirnov",
        "distance": round(float(test.statistic), DIGITS),
        "p_value": float(f"{test.pvalue:.4g}"),
        **_stability(*counts),
        "median": [round(float(np.median(values)), DIGITS) for values in (before, after)],
        "bins": {"edges": [float(edge) for edge in edges], "reference": counts[0], "window": counts[1]},
    }


def _compare_kinds(name: str, draws: int, before: Counter[str], after: Counter[str]) -> dict[str, Any]:
    kinds = sorted({*before, *after})
    table = np.array([[side[kind] for kind in kinds] for side in (before, after)])
    shares = table / table.sum(axis=1, keepdims=True)
    p_value = 1.0
    if len(kinds) > 1:
        # NumPy draws the same from one seed on every machine.
        drawn = stats.MonteCarloMethod(n_resamples=draws, rng=np.random.default_rng(SEED))
        p_value = float(stats.chi2_contingency(table, correction=False, method=drawn).pvalue)
    counts = [[int(count) for count in row] for row in table]
    return {
        "feature": name,
        "test": "chi_squared",
        "distance": round(float(np.abs(shares[0] - shares[1]).max()), DIGITS),
        "p_value": float(f"{p_value:.4g}"),
        **_stability(*counts),
        "median": None,
        "bins": {"edges": kinds, "reference": counts[0], "window": counts[1]},
    }


def _count(values: Floats, edges: Floats) -> list[int]:
    bins = np.searchsorted(edges, values, side="left")
    return [int(count) for count in np.bincount(bins, minlength=len(edges) + 1)]


def _stability(before: Sequence[int], after: Sequence[int]) -> dict[str, float]:
    """Measure the change, and what chance alone exceeds in one of twenty looks.

    Without drift the index is about (1/M + 1/N) times chi-squared, with one degree of freedom less than there
    are bins (Yurdakul and Naranjo 2020, Journal of Risk Model Validation 14(4)).
    """
    chance = (1 / sum(before) + 1 / sum(after)) * stats.chi2.ppf(0.95, max(1, len(before) - 1))
    return {
        "psi": round(population_stability(before, after), DIGITS),
        "psi_by_chance": round(float(chance), DIGITS),
    }


def _correct(found: list[dict[str, Any]], rules: Monitoring) -> None:
    """Correct the p-values for their number (Holm 1979), and judge."""
    least = 0.0
    for rank, one in enumerate(sorted(found, key=lambda one: float(one["p_value"]))):
        least = max(least, min(1.0, (len(found) - rank) * one["p_value"]))
        one["p_corrected"] = float(f"{least:.4g}")
        one["drifted"] = least <= rules.false_alarm_rate and one["psi"] >= rules.min_psi


def _pairs(reference: int, window: int) -> float:
    """Return what two samples are worth together: the harmonic sum of their sizes."""
    return reference * window / (reference + window)


def _pairs_needed(level: float, rules: Monitoring, categories: int) -> Any:
    """Return a function from a shift to the worth of the samples that find it with the power asked for.

    Kolmogorov–Smirnov: the distance is at least the difference at the one place where the distributions are
    `shift` apart, which is normal with a variance of a quarter over the worth, at most; it has to exceed
    sqrt(-ln(level / 2) / 2 / worth) (Smirnov 1948, doi:10.1214/aoms/1177730256). Chi-squared: where one
    kind's share changes by `shift`, the test's noncentrality is at least four times worth times square.
    """
    beyond = math.sqrt(-math.log(level / 2) / 2) + stats.norm.ppf(rules.power) / 2
    freedom = max(1, categories - 1)
    critical = stats.chi2.isf(level, freedom)
    off_centre = optimize.brentq(
        lambda value: stats.ncx2.sf(critical, freedom, value) - rules.power, 1e-6, 10 * critical + 100
    )
    return lambda shift: max((beyond / shift) ** 2, off_centre / (4 * shift**2))


def _window_needed(reference: int, pairs: float) -> int | None:
    return math.ceil(1 / (1 / pairs - 1 / reference)) if reference > pairs else None


def _least_shift(pairs: float, needed: Any) -> float | None:
    # Both needs go with one over the square of the shift.
    least = math.sqrt(needed(1.0) / pairs) if pairs else math.inf
    return round(least, 4) if least <= 1 else None
