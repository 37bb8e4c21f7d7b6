"""The judge of the data: Great Expectations over the manifest, run as a checkpoint with Data Docs."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scanops.atomic import replacing
from scanops.errors import ConfigError
from scanops.quality import suites
from scanops.quality.declared import Declared
from scanops.quality.measure import Measure
from scanops.quality.silent_gx import RunIdentifier, gx
from scanops.validation_rules import Validation

# Data Docs carry a run's time; a fixed one keeps the pages a function of the data.
RUN = RunIdentifier(run_name="validate", run_time=dt.datetime(2000, 1, 1, tzinfo=dt.UTC))


@dataclass(frozen=True)
class Finding:
    """The result of one expectation.

    Attributes:
        suite: `images`, `classes`, `drift` or `shortcuts`.
        expectation: Great Expectations' name of it.
        column: The column judged, or None for the whole table.
        severity: `critical` or `warning`.
        success: Whether the data meet it.
        observed: What was seen: a value, or the number of rows that do not meet it.
        meaning: What it asks, in plain words.
    """

    suite: str
    expectation: str
    column: str | None
    severity: str
    success: bool
    observed: float | None
    meaning: str


@dataclass(frozen=True)
class Asked:
    """What is asked of the data beside the rules of `params.yaml`.

    Attributes:
        declared: Expectations of the engineers.
        drift: Distances from the accepted data; none without a reference.
        shortcuts: How far each cheap feature tells the class.
    """

    declared: Declared = field(default_factory=Declared)
    drift: Sequence[Measure] = ()
    shortcuts: Sequence[Measure] = ()


def judge(manifest: pd.DataFrame, rules: Validation, docs: Path, asked: Asked | None = None) -> list[Finding]:
    """Run the suites over the manifest and write Data Docs.

    Args:
        manifest: What `data.survey.survey` returns.
        rules: Thresholds and severities.
        docs: Folder for the HTML pages; replaced.
        asked: What is asked beside the rules; nothing by default.

    Returns:
        One finding an expectation: images, classes, drift, shortcuts.

    Raises:
        ConfigError: A declared expectation cannot be put to these data.
    """
    asked = asked or Asked()
    own, classes = asked.declared, suites.class_table(manifest)
    # Of no class at all, nothing can be asked but that there be some.
    of_classes = suites.class_suite(rules) + list(own.classes) if len(classes) else [suites.two_classes()]
    work = {
        "images": (suites.image_table(manifest), suites.image_suite(rules) + list(own.images)),
        "classes": (classes, of_classes),
        "drift": (suites.measure_table(asked.drift), suites.measure_suite(asked.drift)),
        "shortcuts": (suites.measure_table(asked.shortcuts), suites.measure_suite(asked.shortcuts)),
    }
    with replacing(docs) as draft:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        _publish_to(context, draft)
        found = [_check(context, name, table, suite) for name, (table, suite) in work.items() if suite]
    return [finding for findings in found for finding in findings]


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
    return [_finding(name, item) for item in run.results]


def _finding(suite: str, item: Any) -> Finding:
    asked, seen = item.expectation_config, item.result
    _refuse_unanswerable(suite, asked, item.exception_info)
    observed = seen.get("observed_value", seen.get("unexpected_count"))
    return Finding(
        suite=suite,
        expectation=asked.type,
        column=asked.kwargs.get("column"),
        severity=asked.severity.value,
        success=bool(item.success),
        observed=_number(observed),
        meaning=str(asked.notes),
    )


def _refuse_unanswerable(suite: str, asked: Any, raised: dict[str, Any]) -> None:
    """An expectation that Great Expectations cannot compute is a mistake, not a fault of the data."""
    # One entry a metric when something was raised, else the fields of a single one.
    entries = [entry for entry in raised.values() if isinstance(entry, dict)] or [raised]
    messages = [str(entry["exception_message"]) for entry in entries if entry.get("raised_exception")]
    if messages:
        subject = f"{suite}: {asked.type} of {asked.kwargs.get('column', 'the table')}"
        raise ConfigError(
            subject, f"cannot be computed ({messages[0]})", "Correct or remove it in expectations.yaml"
        )


def _number(observed: object) -> float | None:
    """Keep a finite number; a list, a text or nothing at all is left to the Data Docs."""
    if not isinstance(observed, int | float | np.number):
        return None
    return round(float(observed), 6) if math.isfinite(observed) else None
