"""Does the service's memory stay flat? Many requests to one process, its memory read ten times on the way.

The bound on growth is from the first tenth to the last: by the first, each thread has its buffers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import figures, machine
from benchmarks.serving import contenders
from benchmarks.serving.materials import prepared, say

PARTS = 10
MOST_MIB, MOST_GROWTH = 300.0, 1.05


def main() -> None:
    """Print the memory after each tenth; end with 3 where it grows or is too much."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--weights", default="none", help="MobileNet trunk as a .keras file")
    parser.add_argument("--keep", type=Path, help="folder for pictures and bundles; a later run takes them")
    options = parser.parse_args()
    with prepared(options.keep, options.weights, quick=False) as folder:
        server = contenders.ours("this service", folder / "float32")
        try:
            server.start(folder / "soak.log")
            used = [_part(server, folder, options, number) for number in range(PARTS)]
        finally:
            server.stop()
    print(figures.line("memory at the end, MiB", used[-1:], most=MOST_MIB))
    print(figures.line("memory, last tenth / first", [used[-1] / used[0]], most=MOST_GROWTH))
    print(machine.describe())
    sys.exit(0 if used[-1] <= min(MOST_MIB, MOST_GROWTH * used[0]) else 3)


def _part(server: contenders.Contender, folder: Path, options: argparse.Namespace, number: int) -> float:
    """Send a tenth of the requests; give the memory after it."""
    say(f"part {number + 1} of {PARTS}")
    load = ("--requests", str(options.requests // PARTS), "--connections", str(options.connections))
    sent = server.load(folder / "images", *load)
    if sent["failures"]:
        sys.exit(f"{sent['failures']} requests failed")
    used = server.memory_mib()
    done = (number + 1) * (options.requests // PARTS)
    print(f"after {done:7} requests: {used:6.1f} MiB, {sent['rate']:.0f} requests/s", flush=True)
    return used


if __name__ == "__main__":
    main()
