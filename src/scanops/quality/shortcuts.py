"""Shortcuts: how well the class is told by one cheap feature, which no diagnosis should hang on.

Each feature alone is given to a decision tree, the smallest model that follows any shape of a relation
without a scale to choose: a hundred odd sizes and a grey level alike. It answers by cross-validation in
which no group is on both sides, on one image a picture. Its leaves hold a share of each class; the most
likely class is the answer for accuracy, and the one whose share grew most over its share in training is
the answer for balanced accuracy (Bayes' rule with equal priors), so one fit serves both measures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.tree import DecisionTreeClassifier

from scanops.intervals import Floats, Integers, Interval
from scanops.quality.chance import Score, score
from scanops.quality.measure import Measure

FEATURES = {
    "size": ("width", "height", "area"),
    "aspect": ("aspect",),
    "mode": ("mode",),
    "format": ("format",),
    "intensity": ("mean",),
    "border": ("border",),
}
WORDS = {
    "size": "the image's size",
    "aspect": "the image's aspect",
    "mode": "the colour mode",
    "format": "the file format",
    "intensity": "the mean grey level",
    "border": "the mean grey level of the border",
}
FOLDS, SEED = 5, 7
# Above this many pictures more of them narrow the interval by little; a hash chooses which.
LIMIT = 20_000
# Small enough not to learn single images; `as_supplied` looks up what it has seen, as a network would.
STURDY = {"max_depth": 6, "min_samples_leaf": 3}
LOOK_UP = {"min_samples_leaf": 1}

Answers = tuple[Integers, Integers]  # for accuracy, and for balanced accuracy


@dataclass(frozen=True)
class Shortcut:
    """What one feature tells.

    Attributes:
        feature: A key of `FEATURES`.
        score: Cross-validated by group, one image a picture.
        strong: Whether it tells more than the margin above chance.
        as_supplied: Fitted on the supplied training split and asked about the supplied test split, copies
            and all, as published scores are; None without a supplied split.
    """

    feature: str
    score: Score
    strong: bool
    as_supplied: Score | None


def find(manifest: pd.DataFrame, margin: float) -> list[Shortcut]:
    """Measure how well each feature alone tells the class.

    Args:
        manifest: What `data.survey.survey` returns.
        margin: How far above chance is strong, 0 to 1.

    Returns:
        One shortcut a feature; none where fewer than two classes have `FOLDS` groups each.
    """
    measured = _measured(manifest)
    rows = _comparable(measured)
    if rows["label"].nunique() < 2:
        return []
    labels, groups = _codes(rows["label"]), rows["group"].to_numpy()
    folds = list(
        StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED).split(
            labels, labels, _codes(rows["group"])
        )
    )
    answers = {name: _cross_validate(_features(rows, name), labels, folds) for name in FEATURES}
    found, supplied = score(labels, groups, answers), _as_supplied(measured)
    return [
        Shortcut(name, found[name], found[name].above_chance > margin, supplied.get(name))
        for name in FEATURES
    ]


def measures(shortcuts: Iterable[Shortcut], margin: float) -> list[Measure]:
    """Put shortcuts before the judge.

    Args:
        shortcuts: What `find` returns.
        margin: How far above chance is strong.

    Returns:
        One measure a feature.
    """
    asked = "does not tell the class: above chance by at most shortcut_margin"
    return [
        Measure(s.feature, s.score.above_chance, margin, f"{WORDS[s.feature]} {asked}") for s in shortcuts
    ]


def shown(shortcut: Shortcut) -> dict[str, Any]:
    """Lay a shortcut out for a report.

    Args:
        shortcut: One of those that `find` returns.

    Returns:
        Its feature and figures, rounded; `images` is how many were compared.
    """
    supplied = shortcut.as_supplied
    return {
        "feature": shortcut.feature,
        **_figures(shortcut.score),
        "above_chance": shortcut.score.above_chance,
        "strong": shortcut.strong,
        "as_supplied": None if supplied is None else _figures(supplied),
    }


def sentence(shortcut: Shortcut) -> str:
    """Say what a feature tells.

    Args:
        shortcut: One of those that `find` returns.

    Returns:
        One sentence without a full stop.
    """
    found, supplied = shortcut.score, shortcut.as_supplied
    told = (
        f"{WORDS[shortcut.feature]} alone tells the class: accuracy {_brief(found.accuracy)} against "
        f"{found.majority:.2f} for the largest class, balanced accuracy {_brief(found.balanced_accuracy)} "
        f"against {1 / found.classes:.2f} by chance"
    )
    if supplied is None:
        return told
    value, majority = supplied.accuracy.value, supplied.majority
    return f"{told}; on the supplied test split accuracy {value:.2f} against {majority:.2f}"


def _measured(manifest: pd.DataFrame) -> pd.DataFrame:
    """Take what could be read, with the columns that the features need."""
    wanted = ["group", "width", "height", "mode", "format", "mean", "border"]
    rows = manifest.dropna(subset=wanted).sort_values("image_id", kind="stable")
    width, height = rows["width"].astype(np.float64), rows["height"].astype(np.float64)
    return rows.assign(
        area=width * height,
        aspect=width / height,
        mode=_codes(rows["mode"]),
        format=_codes(rows["format"]),
    )


def _comparable(measured: pd.DataFrame) -> pd.DataFrame:
    """One usable image a picture, of the classes that can be cross-validated; a hash draws from too many."""
    usable = measured[~measured["quarantined"]]
    once = usable.sort_values("path", kind="stable").drop_duplicates("picture")
    rows = once.sort_values("image_id", kind="stable").head(LIMIT)
    groups = rows.groupby("label")["group"].nunique()
    return rows[rows["label"].isin(groups.index[groups >= FOLDS])].sort_values("path", kind="stable")


def _as_supplied(measured: pd.DataFrame) -> dict[str, Score]:
    train, test = (measured[measured["supplied_split"] == part].head(LIMIT) for part in ("train", "test"))
    train = train[train["label"].isin(set(test["label"]))]
    test = test[test["label"].isin(set(train["label"]))]
    if test["label"].nunique() < 2 or test["group"].nunique() < 2:
        return {}
    known = sorted(set(test["label"]))
    taught, asked = (np.searchsorted(known, rows["label"]).astype(np.int64) for rows in (train, test))
    answers = {
        name: _answer(_features(train, name), taught, _features(test, name), len(known), LOOK_UP)
        for name in FEATURES
    }
    return score(asked, test["group"].to_numpy(), answers)


def _features(rows: pd.DataFrame, name: str) -> Floats:
    return rows[list(FEATURES[name])].to_numpy(np.float64)


def _codes(values: pd.Series[Any]) -> Integers:
    return np.asarray(pd.factorize(values, sort=True)[0], np.int64)


def _cross_validate(
    features: Floats, labels: Integers, folds: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]
) -> Answers:
    likely, even = np.zeros_like(labels), np.zeros_like(labels)
    for train, test in folds:
        likely[test], even[test] = _answer(
            features[train], labels[train], features[test], int(labels.max()) + 1, STURDY
        )
    return likely, even


def _answer(
    taught: Floats, labels: Integers, asked: Floats, classes: int, size: Mapping[str, int]
) -> Answers:
    tree = DecisionTreeClassifier(random_state=SEED, **size).fit(taught, labels)
    shares = np.zeros((len(asked), classes))
    shares[:, tree.classes_] = tree.predict_proba(asked)
    before = np.bincount(labels, minlength=classes) / len(labels)
    # Rounded, so that a feature which tells nothing leaves a tie and not a matter of the last bit.
    grown = np.divide(shares, before, out=np.zeros_like(shares), where=before > 0).round(9)
    return shares.argmax(axis=1), grown.argmax(axis=1)


def _figures(found: Score) -> dict[str, Any]:
    return {
        "accuracy": _spread(found.accuracy),
        "balanced_accuracy": _spread(found.balanced_accuracy),
        "majority": round(found.majority, 6),
        "images": found.images,
    }


def _spread(interval: Interval) -> dict[str, Any]:
    return {"value": round(interval.value, 6), "ci95": [round(interval.low, 6), round(interval.high, 6)]}


def _brief(interval: Interval) -> str:
    return f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"
