"""What the scenarios measured: requests sent, failed, seconds to roll back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.deploy.load import Load
from tests.deploy.parts import ROOT
from tests.deploy.site import Ended, Site

HEADING = f"{'scenario':40} {'exit':>4} {'sent':>6} {'failed':>6} {'roll back':>9} {'seconds':>7}"
PLACE = ROOT / "build/deploy/scenarios.txt"


class Table:
    """Rows, one a scenario."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def add(self, name: str, ended: list[Ended], load: Load | None) -> None:
        """Add the row of a scenario: its last run's exit code and the first rollback's seconds."""
        back = next((one.rollback_s for one in ended if one.rollback_s is not None), None)
        sent, failed = (str(load.sent), str(load.failed)) if load else ("-", "-")
        shown = f"{back:.1f} s" if back is not None else "-"
        seconds = sum(one.seconds for one in ended)
        self.rows.append(f"{name:40} {ended[-1].code:>4} {sent:>6} {failed:>6} {shown:>9} {seconds:>7.0f}")
        print("\n" + self.rows[-1], flush=True)
        for host, count in load.hosts.items() if load else ():
            if count.faults:
                print(f"  {host}: {count.faults[:3]}", flush=True)

    def print(self) -> None:
        """Print the table, and leave it in build/deploy/scenarios.txt."""
        if self.rows:
            text = "\n".join([HEADING, *self.rows])
            PLACE.write_text(text + "\n", encoding="utf-8")
            print("\n\n" + text, flush=True)

    @contextmanager
    def counted(
        self, here: Site, name: str, rate_hz: float = 6, version: str = "one"
    ) -> Iterator[tuple[Load, list[Ended]]]:
        """Run clients at every gateway for the length of a block, and add its row."""
        ended: list[Ended] = []
        with here.load(version, rate_hz) as load:
            yield load, ended
            time.sleep(1)
        self.add(name, ended, load)
