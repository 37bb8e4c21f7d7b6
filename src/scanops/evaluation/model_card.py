"""The model card: what a bundle is for, what it is made of, how good it is (Mitchell 2019, arXiv:1810.03993).

It goes with the bundle wherever that ships. Counts and measures alone: no file is named in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
import pandas as pd

from scanops.evaluation.markdown import cell

TEMPLATE = "model_card.md.j2"
UNKNOWN = "not known"  # a figure for which there are too few images
# Keys of `reports/metrics.json` that have a place of their own; what else it holds is listed under "More".
PLACED = frozenset(
    ("per_class", "detection", "calibration", "baselines", "slices", "test_images", "groups", "classes")
)
ABOUT = frozenset(("warnings", "bundle_sha256"))
FOUND = {
    "images": "files",
    "usable": "usable",
    "quarantined": "quarantined",
    "duplicate_groups": "groups of copies",
    "near_duplicate_pairs": "pairs that are nearly the same",
    "label_conflicts": "pictures with two labels, quarantined",
}
LEAKS = {
    "test_images": "supplied test split: files",
    "leaked": "… whose very pixels are in the supplied training split",
    "leaked_nearly": "… nearly, after a change",
}
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Facts:
    """What a card tells of.

    Attributes:
        bundle: What `bundle.json` holds.
        bundle_sha256: The bundle's name.
        parameters: How many numbers the graph has learnt.
        size_bytes: Of all files of the bundle.
        source: Name and kind of the data, and what pins them.
        settings: The sections of the parameters that shaped it.
        splits: What `data/splits.parquet` holds.
        validation: What `reports/validation.json` holds.
        metrics: What `reports/metrics.json` holds.
    """

    bundle: Mapping[str, Any]
    bundle_sha256: str
    parameters: int
    size_bytes: int
    source: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Any]]
    splits: pd.DataFrame
    validation: Mapping[str, Any]
    metrics: Mapping[str, Any]


def render(facts: Facts) -> str:
    """Write the card.

    Args:
        facts: What it tells of.

    Returns:
        Markdown, the same text for the same facts: no clock, no host, no path.
    """
    metrics = facts.metrics
    rows = next(iter(metrics["per_class"].values()))
    text = (
        _environment()
        .get_template(TEMPLATE)
        .render(
            **vars(facts),
            counts=_counts(facts.splits),
            found=list(_found(facts.validation)),
            verdict=facts.validation.get("verdict", UNKNOWN),
            warnings=facts.validation.get("warnings", ()),
            overall=[(name, shown) for name, shown in metrics.items() if _is_measure(shown)],
            per_class_names=[name for name in rows if f"{name}_ci95" in rows],
            baseline_names=list(next(iter(metrics["baselines"].values()), {})),
            more=list(_more(metrics)),
        )
    )
    return _one_blank_line(text)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701  (Markdown, not HTML: `cell` escapes what names hold)
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=jinja2.FunctionLoader(_resource),
    )
    environment.filters |= {
        "cell": cell,
        "figure": _figure,
        "interval": _interval,
        "pairs": _pairs,
        "shown": _shown,
    }
    return environment


def _resource(name: str) -> str:
    return (resources.files("scanops.evaluation") / "templates" / name).read_text(encoding="utf-8")


def _counts(splits: pd.DataFrame) -> list[dict[str, object]]:
    pictures = splits[splits["representative"]].groupby(["label", "split"]).size()
    return [
        {"label": label, **{part: int(pictures.get((label, part), 0)) for part in PARTS}}
        for label in sorted(splits["label"].unique())
    ]


def _found(validation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((meaning, _figure(validation[key])) for key, meaning in FOUND.items() if key in validation)
    leakage = validation.get("supplied_split_leakage") or {}
    yield from ((meaning, _figure(leakage[key])) for key, meaning in LEAKS.items() if key in leakage)
    for kind, count in (validation.get("defects") or {}).items():
        yield f"defect: {kind}", _figure(count)


def _more(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """List what has no place of its own, so that no measure is left out, whoever adds it."""
    for name, value in metrics.items():
        if name not in PLACED | ABOUT and not _is_measure(value):
            yield from _flat(name, value)


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and not _is_measure(value):
        for key, held in value.items():
            yield from _flat(f"{name}.{key}", held)
    else:
        yield name, _text(value)


def _is_measure(value: object) -> bool:
    return isinstance(value, Mapping) and {"value", "ci95"} <= set(value)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return _shown(value) if _is_measure(value) else _pairs(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_text, value)) or "none"
    return _figure(value) if isinstance(value, int | float | None) else cell(value)


def _shown(measure: Mapping[str, Any]) -> str:
    return f"{_figure(measure['value'])} ({_interval(measure)})"


def _interval(measure: Mapping[str, Any]) -> str:
    low, high = measure["ci95"] or (None, None)
    return "no interval: too few images" if None in (low, high) else f"{_figure(low)} to {_figure(high)}"


def _figure(value: object) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{cell(name)} {_setting(value)}" for name, value in values.items())


def _setting(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({_pairs(value)})"
    if isinstance(value, float):
        return f"{value:g}"
    return "not set" if value is None else _text(value)


def _one_blank_line(text: str) -> str:
    lines: list[str] = []
    for line in text.splitlines():
        if line or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines).rstrip() + "\n"
