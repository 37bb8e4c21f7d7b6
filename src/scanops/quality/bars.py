"""Bars inside a table: one row each, all of a column on one scale."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from scanops.quality import svg

WIDTH, HEIGHT = 300.0, 22.0
EDGE = 1.0


def stacked(parts: Sequence[tuple[str, int]], longest: int) -> Markup:
    """Draw counts one after the other.

    Args:
        parts: Name and count; a part's place in the sequence gives its class `part-0`, `part-1`, ….
        longest: The count that fills the width.

    Returns:
        SVG.
    """
    marks = []
    left = 0.0
    for index, (_, count) in enumerate(parts):
        width = count / max(1, longest) * WIDTH
        if count:
            # A white line between two parts; a part of a single image is still seen.
            marks.append(svg.rectangle(left, 4, max(1.0, width - EDGE), HEIGHT - 8, f"part-{index}"))
        left += width
    described = ", ".join(f"{name} {count:,}" for name, count in parts if count)
    return svg.picture(WIDTH, HEIGHT, described or "none", *marks)


def interval(value: float, ci95: tuple[float, float] | None, reference: float | None) -> Markup:
    """Draw a share with its interval as a whisker, and a line at what it is compared with.

    Args:
        value: In [0, 1].
        ci95: Lower and upper end, or None.
        reference: In [0, 1], or None.

    Returns:
        SVG; the whole width is 100 %.
    """
    middle = HEIGHT / 2
    marks = [
        svg.rectangle(0, 4, WIDTH, HEIGHT - 8, "track"),
        svg.rectangle(0, 4, value * WIDTH, HEIGHT - 8, "bar"),
    ]
    described = f"{100 * value:.1f} %"
    if ci95:
        low, high = (end * WIDTH for end in ci95)
        marks.append(svg.line((low, middle), (high, middle), "whisker"))
        marks += [svg.line((end, middle - 4), (end, middle + 4), "whisker") for end in (low, high)]
        described += f", 95 % interval {100 * ci95[0]:.1f} to {100 * ci95[1]:.1f} %"
    if reference is not None:
        marks.append(svg.line((reference * WIDTH, 0), (reference * WIDTH, HEIGHT), "reference"))
        described += f", majority class {100 * reference:.1f} %"
    return svg.picture(WIDTH, HEIGHT, described, *marks)
