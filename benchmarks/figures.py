"""One line a figure: the median of its rounds, their span, and the bound beside it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def line(what: str, rounds: Sequence[float], *, least: float | None = None, most: float | None = None) -> str:
    """Say what was measured, and whether it is within its bound.

    Args:
        what: Name of the figure, with its unit.
        rounds: A value a round; at least one.
        least: What the median must reach.
        most: What it must not pass.

    Returns:
        One line.
    """
    middle = statistics.median(rounds)
    bounds = [
        f"at least {least:g}" if least is not None else "",
        f"at most {most:g}" if most is not None else "",
    ]
    kept = (least is None or middle >= least) and (most is None or middle <= most)
    verdict = (
        f"  {' and '.join(filter(None, bounds))}: {'kept' if kept else 'NOT KEPT'}" if any(bounds) else ""
    )
    return f"{what:52} {middle:7.3f} ({min(rounds):.3f} to {max(rounds):.3f}){verdict}"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Divide round by round: a change of the machine's speed meets both.

    Args:
        ours: Seconds of each round.
        theirs: Seconds of the same rounds.

    Returns:
        A ratio a round.
    """
    return [a / b for a, b in zip(ours, theirs, strict=True)]
