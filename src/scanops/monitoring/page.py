"""The page about drift: what moved, by how much, and how sure that is; it needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from scanops.bundle.bundle import NOTICE
from scanops.monitoring import drift
from scanops.quality import svg
from scanops.quality.visible_text import visible

WIDTH, LEFT, ROW, TOP = 250.0, 96.0, 19.0, 4.0
LONGEST = 15  # characters of a class name that fit beside the bars
VERDICTS = {
    "none": ("✓", "No drift", "pass"),
    "undecided": ("?", "Undecided", "warn"),
    "drift": ("✕", "Drift", "fail"),
}
MEANINGS = {
    "area": "Size of the picture as stored, in square pixels",
    "aspect": "Width over height",
    "mean": "Mean grey level",
    "std": "Contrast: standard deviation of the grey levels",
    "novelty": "How unlike training the bundle finds the picture",
    "confidence": "Calibrated probability of the likeliest class",
    "predicted": "The likeliest class",
    "abstained": "Whether there was an answer, and why not",
    **{f"axis_{n + 1}": f"Embedding along the bundle's axis {n + 1}" for n in range(4)},
}


def render(report: Mapping[str, Any]) -> str:
    """Render the page.

    Args:
        report: What `reports/drift.json` holds.

    Returns:
        HTML, the same text for the same report. It loads nothing.
    """
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # A class may be called anything: what cannot be seen is written out.
        finalize=lambda value: (
            visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
        ),
    )
    environment.filters["figure"] = _figure
    template = environment.from_string(_resource("scanops.monitoring", "drift.html.j2"))
    return template.render(
        style=Markup(_resource("scanops.quality", "validation.css")),  # noqa: S704  (ours, from the package)
        verdict=VERDICTS[report["verdict"]],
        report=report,
        sentence=drift.sentence(report),
        charts=[_chart(one) for one in report["features"]],
        meanings=MEANINGS,
        notice=NOTICE,
    )


def _resource(package: str, name: str) -> str:
    return (resources.files(package) / "templates" / name).read_text(encoding="utf-8")


def _chart(one: Mapping[str, Any]) -> Markup:
    before, after = (_shares(one["bins"][side]) for side in ("reference", "window"))
    names = _names(one["bins"]["edges"], len(before))
    top = max(*before, *after)
    marks = []
    for row, (name, old, new) in enumerate(zip(names, before, after, strict=True)):
        y = TOP + row * ROW
        marks += [
            svg.label(LEFT - 6, y + 12, name, "end"),
            svg.rectangle(LEFT, y, old / top * (WIDTH - LEFT), ROW - 3, "track"),
            svg.rectangle(LEFT, y + 5, new / top * (WIDTH - LEFT), ROW - 13, "bar"),
        ]
    described = f"{one['feature']}: " + "; ".join(
        f"{name}: {old:.0%} then, {new:.0%} now" for name, old, new in zip(names, before, after, strict=True)
    )
    return svg.picture(WIDTH, TOP + len(before) * ROW, described, *marks)


def _shares(counts: list[int]) -> list[float]:
    return [count / sum(counts) for count in counts]


def _names(edges: list[Any], bins: int) -> list[str]:
    if len(edges) == bins:  # kinds
        return [name if len(name) <= LONGEST else name[: LONGEST - 1] + "…" for name in map(str, edges)]
    return [*(f"up to {_figure(edge)}" for edge in edges), f"above {_figure(edges[-1])}"]


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
