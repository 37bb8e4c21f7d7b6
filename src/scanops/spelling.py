"""Near matches for a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(name: str, known: Iterable[str]) -> str:
    """Say which known names a mistyped one may stand for; upper and lower case are one.

    Args:
        name: As it was written.
        known: What it could have been.

    Returns:
        Text to put behind `is unknown`, such as ` (did you mean resnet50?)`; empty when nothing is near.
    """
    by_spelling = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), by_spelling, n=3, cutoff=0.6)
    return f" (did you mean {', '.join(by_spelling[spelling] for spelling in found)}?)" if found else ""
