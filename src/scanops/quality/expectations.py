"""The judge of the data: a Great Expectations suite over the manifest, built from the parameters."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

# Great Expectations reads this when it is imported; a hospital's data checks report to nobody.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
import great_expectations as gx
from great_expectations import expectations as gxe
from great_expectations.core.run_identifier import RunIdentifier

from scanops.atomic import replacing
from scanops.config import Severities, Validation

# Defects that say something of the whole set, not of one file: worth a warning even where allowed.
WARNED = ("label_conflict",)
# Data Docs carry a run's time; a fixed one keeps the pages a function of the data.
RUN = RunIdentifier(run_name="validate", run_time=dt.datetime(2000, 1, 1, tzinfo=dt.UTC))


@dataclass(frozen=True)
class Finding:
    """The result of one expectation.

    Attributes:
        expectation: Great Expectations' name of it.
        column: The column judged, or None for the whole table.
        severity: `critical` or `warning`.
        success: Whether the data meet it.
        observed: What was seen: a value, or the number of rows that do not meet it.
        meaning: What it asks, in plain words.
    """

    expectation: str
    column: str | None
    severity: str
    success: bool
    observed: float | None
    meaning: str


def judge(manifest: pd.DataFrame, leaked: pd.Series, rules: Validation, docs: Path) -> list[Finding]:
    """Run the suites over the manifest and write Data Docs.

    Args:
        manifest: What `data.manifest.build` returns.
        leaked: One truth value a row: the image is in the supplied test split and also in training.
        rules: Thresholds and severities.
        docs: Folder for the HTML pages; replaced.

    Returns:
        One finding an expectation: images first, then classes.
    """
    with replacing(docs) as draft:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        _publish_to(context, draft)
        findings = _check(context, "images", _image_table(manifest, leaked), _image_suite(rules))
        findings += _check(context, "classes", _class_table(manifest), _class_suite(rules))
    return findings


def verdict(findings: list[Finding]) -> str:
    """Sum findings up.

    Args:
        findings: What `judge` returns.

    Returns:
        `fail` when a critical expectation is not met, `warn` when only warnings are not, else `pass`.
    """
    missed = {finding.severity for finding in findings if not finding.success}
    return "fail" if "critical" in missed else "warn" if missed else "pass"


def _publish_to(context: Any, folder: Path) -> None:
    for name in list(context.get_site_names()):
        context.delete_data_docs_site(name)
    context.add_data_docs_site(
        site_name="pages",
        site_config={
            "class_name": "SiteBuilder",
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(folder.absolute()),
            },
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )


def _check(context: Any, name: str, table: pd.DataFrame, suite: list[Any]) -> list[Finding]:
    source = context.data_sources.add_pandas(name=name)
    batch = source.add_dataframe_asset(name=name).add_batch_definition_whole_dataframe(name=name)
    definition = gx.ValidationDefinition(
        name=name, data=batch, suite=context.suites.add(gx.ExpectationSuite(name=name, expectations=suite))
    )
    checkpoint = gx.Checkpoint(
        name=name,
        validation_definitions=[context.validation_definitions.add(definition)],
        actions=[gx.checkpoint.UpdateDataDocsAction(name="pages", site_names=["pages"])],
        result_format="SUMMARY",
    )
    result = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": table}, run_id=RUN)
    (run,) = result.run_results.values()
    return [_finding(item) for item in run.results]


def _finding(item: Any) -> Finding:
    asked, seen = item.expectation_config, item.result
    observed = seen.get("observed_value", seen.get("unexpected_count"))
    return Finding(
        expectation=asked.type,
        column=asked.kwargs.get("column"),
        severity=asked.severity.value,
        success=bool(item.success),
        observed=None if observed is None or pd.isna(observed) else round(float(observed), 6),
        meaning=str(asked.notes),
    )


def _image_table(manifest: pd.DataFrame, leaked: pd.Series) -> pd.DataFrame:
    table = manifest.drop(columns=["defects"]).assign(
        quarantined=manifest["quarantined"].astype(float), leaked=leaked.astype(bool)
    )
    for kind in Severities.model_fields:
        table[kind] = [kind in defects for defects in manifest["defects"]]
    return table


def _image_suite(rules: Validation) -> list[Any]:
    suite = [
        gxe.ExpectColumnValuesToBeUnique(column="path", notes="one row a file"),
        gxe.ExpectColumnValuesToBeUnique(column="image_id", notes="one name a file"),
        gxe.ExpectColumnMeanToBeBetween(
            column="quarantined",
            max_value=rules.max_quarantined_fraction,
            notes="the share of quarantined images stays under max_quarantined_fraction",
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="leaked",
            value_set=[False],
            severity="warning",
            notes="no image of the supplied test split is in its training split",
        ),
    ]
    for kind, severity in rules.severity.model_dump().items():
        if severity == "fail" or kind in WARNED:
            suite.append(
                gxe.ExpectColumnValuesToBeInSet(
                    column=kind,
                    value_set=[False],
                    severity="critical" if severity == "fail" else "warning",
                    notes=f"no image has the defect {kind}",
                )
            )
    return suite


def _class_table(manifest: pd.DataFrame) -> pd.DataFrame:
    images = (~manifest["quarantined"]).groupby(manifest["label"]).sum().astype(int)
    imbalance = images.max() / images.clip(lower=1)
    quarantined = manifest["quarantined"].astype(float).groupby(manifest["label"]).mean()
    columns = {"images": images, "imbalance": imbalance, "quarantined": quarantined}
    return pd.DataFrame(columns).rename_axis("label").reset_index()


def _class_suite(rules: Validation) -> list[Any]:
    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=2, notes="there are at least two classes"),
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
