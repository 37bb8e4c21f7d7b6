"""Something or nothing: which class means that there is nothing to find."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scanops.errors import ConfigError

# As the public sets name it, letters and digits alone.
NAMES = frozenset({"no", "none", "notumor", "notumour", "normal", "healthy", "negative", "nofinding"})


def negative_class(classes: Sequence[str], named: str | None) -> int | None:
    """Find the class that means "nothing to find".

    Args:
        classes: Names, in order.
        named: `evaluation.negative_class`; None looks for a usual name.

    Returns:
        Its place, or None where no class, or more than one, has such a name.

    Raises:
        ConfigError: The bundle has no class of the given name.
    """
    if named is not None:
        if named not in classes:
            raise ConfigError(
                f"evaluation.negative_class {named}",
                f"is no class of the bundle ({', '.join(classes)})",
                "Name one of them, or null",
            )
        return list(classes).index(named)
    usual = [place for place, name in enumerate(classes) if re.sub(r"[^a-z0-9]", "", name.lower()) in NAMES]
    return usual[0] if len(usual) == 1 else None
