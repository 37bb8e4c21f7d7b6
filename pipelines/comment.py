"""Write the page of `make report` under a pull request, in one comment that later runs replace."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines import entry_point
from scanops.errors import ConfigError
from scanops.release.forge import Forge

MARKER = "<!-- scanops: report -->"
VARIABLE = "SCANOPS_PULL_REQUEST"


def main() -> None:
    """Write it."""
    args = entry_point.arguments(__doc__, summary="the page")
    number = os.environ.get(VARIABLE, "")
    if not number.isdecimal():
        raise ConfigError(VARIABLE, f"is {number!r}, no number", "Set it to the number of the pull request")
    try:
        body = args.summary.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            str(args.summary), f"cannot be read ({error.strerror})", "Run `make report`"
        ) from error
    posted = Forge.find(Path.cwd(), os.environ).comment(int(number), MARKER, body)
    print(f"comment: {'written' if posted.fresh else 'replaced'}: {posted.url}")


if __name__ == "__main__":
    entry_point.run(main)
