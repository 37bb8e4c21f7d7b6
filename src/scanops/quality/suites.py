"""What is expected of the data: tables made from the manifest, and a suite of expectations for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from scanops.quality import leakage
from scanops.quality.measure import Measure
from scanops.quality.silent_gx import gxe
from scanops.validation_rules import Severities, Validation

# Defects that say something of the whole set, not of one file: worth a warning even where allowed.
WARNED = ("label_conflict",)
CLASS_COLUMNS = ("label", "images", "imbalance", "quarantined")
LEAKS = {
    "leaked": "no image of the supplied test split is in its training split",
    "leaked_nearly": "no image of the supplied test split has a near duplicate in its training split",
}


def image_columns(manifest_columns: Sequence[str]) -> tuple[str, ...]:
    """Name the columns of the table of images.

    Args:
        manifest_columns: The manifest's.

    Returns:
        The manifest's without `defects`, one a kind of defect, `leaked` and `leaked_nearly`.
    """
    kept = (column for column in manifest_columns if column != "defects")
    return (*kept, *LEAKS, *Severities.model_fields)


def image_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Lay out one row an image.

    Args:
        manifest: What `data.survey.survey` returns.

    Returns:
        The columns of `image_columns`: a truth value a kind of defect; `quarantined` is 0.0 or 1.0.
    """
    table = manifest.drop(columns=["defects"]).assign(
        quarantined=manifest["quarantined"].astype(float),
        leaked=leakage.leaked(manifest),
        leaked_nearly=leakage.leaked_nearly(manifest),
    )
    for kind in Severities.model_fields:
        table[kind] = [kind in defects for defects in manifest["defects"]]
    return table


def image_suite(rules: Validation) -> list[Any]:
    """Say what is expected of the images.

    Args:
        rules: Thresholds and severities.

    Returns:
        Expectations over `image_table`.
    """
    suite = [
        gxe.ExpectColumnValuesToBeUnique(column="path", notes="one row a file"),
        gxe.ExpectColumnValuesToBeUnique(column="image_id", notes="one name a file"),
        gxe.ExpectColumnMeanToBeBetween(
            column="quarantined",
            max_value=rules.max_quarantined_fraction,
            notes="the share of quarantined images stays under max_quarantined_fraction",
        ),
        *(_never(column, "warning", meaning) for column, meaning in LEAKS.items()),
    ]
    for kind, severity in rules.severity.model_dump().items():
        if severity == "fail" or kind in WARNED:
            gravity = "critical" if severity == "fail" else "warning"
            suite.append(_never(kind, gravity, f"no image has the defect {kind}"))
    return suite


def class_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Lay out one row a class.

    Args:
        manifest: What `data.survey.survey` returns.

    Returns:
        The columns `CLASS_COLUMNS`: usable images, how many times as many the largest class has, and
        the share of quarantined images, 0 to 1.
    """
    images = (~manifest["quarantined"]).groupby(manifest["label"]).sum().astype(int)
    imbalance = images.max() / images.clip(lower=1)
    quarantined = manifest["quarantined"].astype(float).groupby(manifest["label"]).mean()
    columns = {"images": images, "imbalance": imbalance, "quarantined": quarantined}
    return pd.DataFrame(columns).rename_axis("label").reset_index()


def class_suite(rules: Validation) -> list[Any]:
    """Say what is expected of the classes.

    Args:
        rules: Thresholds and severities.

    Returns:
        Expectations over `class_table`.
    """
    return [
        two_classes(),
        gxe.ExpectColumnMinToBeBetween(
            column="images",
            min_value=rules.min_images_per_class,
            notes="each class has min_images_per_class usable images",
        ),
        gxe.ExpectColumnMaxToBeBetween(
            column="imbalance",
            max_value=rules.max_class_imbalance,
            notes="the largest class is at most max_class_imbalance times the smallest",
        ),
        gxe.ExpectColumnMaxToBeBetween(
            column="quarantined",
            max_value=rules.max_quarantined_fraction,
            severity="warning",
            notes="no class loses more than max_quarantined_fraction of its images to quarantine",
        ),
    ]


def two_classes() -> Any:
    """Expect something to tell apart: at least two rows of `class_table`."""
    return gxe.ExpectTableRowCountToBeBetween(min_value=2, notes="there are at least two classes")


def measure_table(measures: Sequence[Measure]) -> pd.DataFrame:
    """Lay out one column a measure, since each has a bound of its own.

    Args:
        measures: What was measured.

    Returns:
        One row.
    """
    return pd.DataFrame({measure.name: [measure.value] for measure in measures})


def measure_suite(measures: Sequence[Measure]) -> list[Any]:
    """Expect each measure to stay within its threshold; beyond is a warning.

    Args:
        measures: What was measured.

    Returns:
        Expectations over `measure_table`.
    """
    return [
        gxe.ExpectColumnMaxToBeBetween(
            column=measure.name, max_value=measure.threshold, severity="warning", notes=measure.meaning
        )
        for measure in measures
    ]


def _never(column: str, severity: str, meaning: str) -> Any:
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[False], severity=severity, notes=meaning)
