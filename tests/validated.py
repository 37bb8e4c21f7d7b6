"""A validated data set made by hand: each kind of defect, leaks, a shortcut, and names that mean harm."""

from __future__ import annotations

from typing import Any

import pandas as pd
from PIL import Image

from scanops.quality import report as reports
from scanops.quality.expectations import Finding
from scanops.quality.report import Judged
from scanops.validation_rules import Severities
from tests import manifests, pictures

PER_CLASS = {"glioma": 40, "no tumor": 40}
HOSTILE = {
    2: 'glioma/"><script>alert(1)</script>.png',
    3: 'glioma/it\'s & "quoted" <b>.png',
    4: "glioma/new\nline\ttab.png",
    5: "glioma/not-utf8-\udcff.png",
    6: "glioma/\u202egnp.exe",
    7: f"glioma/{'long' * 62}.png",
}
ALONE = [kind for kind in Severities.model_fields if "duplicate" not in kind and kind != "label_conflict"]
UNREADABLE = ("undecodable", "truncated", "unsupported")


def manifest() -> pd.DataFrame:
    """Lay out 80 images in two classes and plant every kind of defect once, and each copy once more."""
    count = sum(PER_CLASS.values())
    frame = manifests.sound(
        PER_CLASS,
        supplied_split=["test" if row % 5 == 0 else "train" for row in range(count)],
        sha256=[f"s{row}" for row in range(count)],
        width=[128 if row < 40 else 200 for row in range(count)],
    )
    # Arrow's strings hold no surrogates; a frame that was built in memory may.
    paths = [HOSTILE.get(row, path) for row, path in enumerate(frame["path"])]
    frame["path"] = pd.Series(paths, dtype=object)
    for row, kind in enumerate(ALONE, start=2):
        _plant(frame, row, kind)
    _copy(frame, 12, 11, "exact_duplicate", same=("picture", "pixel_sha256", "sha256"), similarity=1.0)
    _copy(frame, 14, 13, "pixel_duplicate", same=("picture", "pixel_sha256"), similarity=1.0)
    _copy(frame, 17, 16, "near_duplicate", same=("picture",), similarity=0.98765)
    frame.loc[17, "mirrored"] = True
    _copy(frame, 21, 20, "pixel_duplicate", same=("picture", "pixel_sha256"), similarity=1.0)  # a leak
    _copy(frame, 26, 25, "near_duplicate", same=("picture",), similarity=0.96)  # nearly a leak
    _copy(frame, 45, 31, "near_duplicate", same=("picture",), similarity=0.99)
    for row in (31, 45):
        _plant(frame, row, "label_conflict")
    frame.loc[31, "twin"] = frame.loc[45, "path"]
    return frame


def report(frame: pd.DataFrame) -> dict[str, Any]:
    """Sum the manifest up as the stage does, with a strong shortcut, a drift and a failed expectation."""
    findings = [
        Finding(
            "images", "expect_column_values_to_be_unique", "path", "critical", True, 0.0, "one row a file"
        ),
        Finding(
            "images", "expect_column_mean_to_be_between", None, "critical", False, 0.1234567, "few <lost>"
        ),
    ]
    summary = reports.summarise(frame, Judged(findings=findings))
    spread = {"value": 0.68, "ci95": [0.66, 0.7]}
    return {
        **summary,
        "verdict": "warn",
        "warnings": [f"{HOSTILE[2]} & others are suspect"],
        "shortcuts": [
            {
                "feature": "size",
                "accuracy": spread,
                "balanced_accuracy": spread,
                "majority": 0.5,
                "images": 80,
            }
            | {"strong": True, "as_supplied": None}
        ],
        "drift": [{"measure": "size_psi", "value": 0.31, "threshold": 0.25, "drifted": True}],
    }


def picture(path: str) -> Image.Image:
    """Draw a picture for a path: the same for the same path."""
    return Image.fromarray(pictures.noise(sum(map(ord, path)), 120, 90))


def _plant(frame: pd.DataFrame, row: int, kind: str) -> None:
    frame["defects"] = [
        [*kinds, kind] if index == row else kinds for index, kinds in enumerate(frame["defects"])
    ]
    if getattr(Severities(), kind) == "quarantine":
        frame.loc[row, ["quarantined", "reason"]] = [True, f"{kind}: planted"]
    if kind in UNREADABLE:
        missing = ["pixel_sha256", "picture", "group", "format", "mode", "width", "height", "mean", "std"]
        frame.loc[row, missing] = None


def _copy(
    frame: pd.DataFrame, row: int, original: int, kind: str, *, same: tuple[str, ...], similarity: float
) -> None:
    _plant(frame, row, kind)
    for column in same:
        frame.loc[row, column] = frame.loc[original, column]
    frame.loc[row, "twin"] = frame.loc[original, "path"]
    frame.loc[row, "similarity"] = similarity
