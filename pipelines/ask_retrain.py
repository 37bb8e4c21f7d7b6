"""Ask the forge for a retraining where the report on drift says so, by a `repository_dispatch` event."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines import entry_point
from scanops import reports
from scanops.release.forge import Forge

EVENT = "drift"  # which is the verdict, too


def main() -> None:
    """Send the event, once a report; without drift say so."""
    args = entry_point.arguments(__doc__, drift="the report of `make drift`")
    verdict = reports.read(args.drift).get("verdict")
    if verdict != EVENT:
        print(f"ask-retrain: the verdict on drift is {verdict!r}; nothing asked")
        return
    Forge.find(Path.cwd(), os.environ).dispatch(EVENT, {"verdict": verdict})
    print("ask-retrain: asked for a retraining")


if __name__ == "__main__":
    entry_point.run(main)
