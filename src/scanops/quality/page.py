"""The report on the data that people look at: one HTML page that needs nothing beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from PIL import Image

from scanops.quality import bars, class_charts, contact_sheets, glossary, key_figures, samples
from scanops.quality.inline_images import InlineImages
from scanops.quality.visible_text import breakable, visible
from scanops.validation_rules import Validation

SAMPLES_A_CLASS = 8
MAX_SAMPLES = 96
MAX_QUARANTINED = 200
VERDICTS = {
    "pass": ("✓", "Pass", "every expectation is met"),
    "warn": ("!", "Warn", "usable, with warnings to read first"),
    "fail": ("✕", "Fail", "a critical expectation is not met"),
}
NOT_JUDGED = ("?", "Not judged", "the report holds no verdict")
LEAKAGE = {
    "leaked": "Same pixels as a training image",
    "leaked_nearly": "Nearly the same as a training image",
}


def render(
    manifest: pd.DataFrame,
    report: Mapping[str, Any],
    pictures: Callable[[str], Image.Image | None],
    title: str,
    rules: Validation | None = None,
) -> str:
    """Render the report.

    Args:
        manifest: What `data.survey.survey` returns.
        report: `reports/validation.json`; a part that is absent is left out of the page.
        pictures: Gives the decoded picture of a manifest path, mode `L` or `RGB`, or None for one that
            cannot be read. A thumbnail of 160 px or more is enough; it is asked once a path, and only for
            what is shown.
        title: Heading of the page.
        rules: The rules in force: the glossary gives their values and severities. None leaves these out.

    Returns:
        HTML, the same text for the same arguments. It loads nothing and can be encoded as UTF-8.
    """
    return (
        _environment(InlineImages(pictures))
        .get_template("validation.html.j2")
        .render(
            title=title,
            style=Markup(_resource("validation.css")),  # noqa: S704  (ours, from the package)
            verdict=VERDICTS.get(str(report.get("verdict")), NOT_JUDGED),
            report=report,
            terms=glossary.terms(rules),
            explain=lambda kind: glossary.term(kind, rules),
            leak_titles=LEAKAGE,
            **_contents(manifest, report),
        )
    )


def _contents(manifest: pd.DataFrame, report: Mapping[str, Any]) -> dict[str, Any]:
    quarantine = manifest[manifest["quarantined"]]
    return {
        "gist": key_figures.gist(manifest, report),
        "unmet": _unmet(report),
        "figures": key_figures.figures(manifest, report),
        "table": key_figures.class_table(manifest),
        "panels": class_charts.panels(manifest),
        "samples": _samples(manifest),
        "sheets": contact_sheets.for_defects(manifest),
        "counts": Counter(kind for kinds in manifest["defects"] for kind in kinds),
        "leaks": contact_sheets.for_leakage(manifest),
        "shortcuts": [_shortcut(entry) for entry in report.get("shortcuts") or ()],
        "quarantine": quarantine.head(MAX_QUARANTINED).to_dict("records"),
        "quarantined": len(quarantine),
    }


def _environment(images: InlineImages) -> jinja2.Environment:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(_resource),
        # Every text that reaches the page passes here, whatever file name it quotes.
        finalize=lambda value: (
            visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
        ),
    )
    environment.filters["path"] = breakable
    environment.filters["figure"] = _figure
    environment.globals["image_of"] = images.get
    return environment


def _resource(name: str) -> str:
    return (resources.files("scanops.quality") / "templates" / name).read_text(encoding="utf-8")


def _unmet(report: Mapping[str, Any]) -> list[str]:
    return [
        str(entry.get("meaning") or entry.get("expectation"))
        for entry in report.get("expectations") or ()
        if not entry.get("success") and entry.get("severity") == "critical"
    ]


def _samples(manifest: pd.DataFrame) -> dict[str, list[str]]:
    classes = max(1, manifest["label"].nunique())
    a_class = max(1, min(SAMPLES_A_CLASS, MAX_SAMPLES // classes))
    chosen = samples.choose(manifest, a_class).head(MAX_SAMPLES)
    return {str(label): list(rows["path"]) for label, rows in chosen.groupby("label")}


def _shortcut(entry: Mapping[str, Any]) -> dict[str, Any]:
    accuracy, majority = entry.get("accuracy"), entry.get("majority")
    ci95 = tuple(accuracy["ci95"]) if accuracy and accuracy.get("ci95") else None
    return {
        "feature": entry["feature"],
        "strong": bool(entry.get("strong")),
        "accuracy": accuracy,
        "balanced": entry.get("balanced_accuracy"),
        "majority": majority,
        "images": entry.get("images"),
        "supplied": entry.get("as_supplied"),
        "bar": bars.interval(accuracy["value"], ci95, majority) if accuracy else "",
    }


def _figure(value: object) -> str:
    """Write a number as a person would: thousands apart, four digits that count."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,.4g}"
