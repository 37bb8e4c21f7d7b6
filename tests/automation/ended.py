"""How a job ended, read from what it printed."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What colours a terminal; some programs end with it whether or not there is one.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Ended:
    """A finished job.

    Attributes:
        passed: Whether it is green.
        out: All that its steps printed.
        seconds: How long it took.
    """

    passed: bool
    out: str
    seconds: float

    @property
    def stages(self) -> list[str]:
        """Names of DVC's stages that ran, in order."""
        return re.findall(r"^Running stage '(\w+)'", self.out, re.MULTILINE)

    @property
    def failed(self) -> list[tuple[str, int]]:
        """Targets of make that failed, with their exit codes."""
        found = re.findall(r"^make: \*\*\* \[.*: ([\w./-]+)\] Error (\d+)", self.out, re.MULTILINE)
        return [(target, int(code)) for target, code in found]

    def row(self, job: str) -> str:
        """Tell it on a line: who ran what, the stages, what failed with which code, how long it took."""
        fault = "done" if self.passed else "ended"
        if self.failed:
            fault = f"{self.failed[0][0]}: {self.failed[0][1]}"
        return f"{job:28} {' '.join(self.stages) or '-':58} {fault:14} {self.seconds:4.0f} s"
