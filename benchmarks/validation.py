"""How fast is the scan of `validate`? Beside bare decoding and beside cleanvision, then at 100,000 images.

First the same files are read by turns: by Pillow alone, by Pillow with the hashes of files and pixels, by
the scan (all checks, pixel hashes, all pairs), and by cleanvision's default checks, each in a process of
its own with as many workers, start-up of the workers included. Then a large set is scanned, scanned again
with nothing changed, and once more with 100 images added. Prints images a second, the ratios and the
machine. The files are those of the 4-class set when the folder that SCANOPS_MIRROR names has it, else
phantoms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine, peers, views
from scanops import config
from scanops.data import layout, phantom, sources

DATASET = "brain-tumor-4class"
PHANTOMS = 2000
ADDED = 100


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--images", type=int, default=100_000, help="size of the large set")
    parser.add_argument("--quick", action="store_true", help="one round, and 5,000 images in the large set")
    options = parser.parse_args()
    rounds, images = (1, 5_000) if options.quick else (options.rounds, options.images)
    with tempfile.TemporaryDirectory() as folder:
        raw, large = Path(folder) / "raw", Path(folder) / "large"
        _fill(raw)
        files = [raw / place.path for place in layout.classify(layout.find(raw)).placed]
        _compare(raw, files, rounds, options.workers)
        _grow(large, files, images, options.workers)
    print(machine.describe())


def _fill(raw: Path) -> None:
    mirror, source = os.environ.get("SCANOPS_MIRROR"), config.load().sources[DATASET]
    archive = Path(mirror or "") / str(getattr(source, "archive", ""))
    if mirror and archive.is_file():
        _say(f"unpacking {archive.name}")
        sources.fetch(source, raw, mirror=Path(mirror), cache=Path(mirror))
        return
    _say(f"no {archive.name} in a folder that SCANOPS_MIRROR names: drawing {PHANTOMS} phantoms instead")
    phantom.generate(raw, images=PHANTOMS, seed=1)


def _compare(raw: Path, files: list[Path], rounds: int, workers: int) -> None:
    """Measure by turns, so that a change of the machine's speed meets all."""
    contenders: dict[str, Callable[[], float]] = {
        "Pillow alone": lambda: _decode(files, workers),
        "Pillow, hashes": lambda: _decode(files, workers, "--hash"),
        "this scan": lambda: float(_scan(raw, workers)["seconds"]),
    }
    if python := peers.install("cleanvision"):
        contenders["cleanvision"] = lambda: float(
            _run([python, "benchmarks/cleanvision_checks.py", str(raw), str(workers)])
        )
    _say("warming up: every file once")
    _decode(files, workers)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, measure in contenders.items():
            _say(f"round {number + 1} of {rounds}: {name}")
            seconds[name].append(measure())
    print(f"{len(files)} files, {workers} workers, median of {rounds}")
    for name, times in seconds.items():
        print(f"{name:15} {len(files) / statistics.median(times):8.0f} images/s")
    for name in (name for name in seconds if name != "this scan"):
        ratios = [b / a for a, b in zip(seconds["this scan"], seconds[name], strict=True)]
        span = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"this scan / {name}: {statistics.median(ratios):.2f} ({span})")


def _grow(large: Path, files: list[Path], images: int, workers: int) -> None:
    """Scan a large set, then again with nothing changed, then with a few images added."""
    _say(f"making {images} views of {views.SIDE_PX} px")
    views.write(large, files, range(images))
    size_mib = sum(file.stat().st_size for file in large.rglob("*.jpg")) / 2**20
    print(f"{images} images of {views.SIDE_PX} px, {size_mib:.0f} MiB:")
    with tempfile.TemporaryDirectory() as kept:
        for what, added in (("first scan", 0), ("nothing changed", 0), (f"{ADDED} added", ADDED)):
            _say(what)
            views.write(large, files, range(images, images + added))
            figures = _scan(large, workers, Path(kept))
            print(
                f"  {what:16} {figures['seconds']:7.1f} s, {figures['files_read']} files read, "
                f"{figures['near_duplicates']} near duplicates, at most {figures['peak_mib']:.0f} MiB"
            )


def _decode(files: list[Path], workers: int, *options: str) -> float:
    names = "\n".join(str(file) for file in files)
    return float(_run([sys.executable, "-m", "benchmarks.bare_decode", str(workers), *options], names))


def _scan(folder: Path, workers: int, cache: Path | None = None) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.full_scan", str(folder), "--workers", str(workers)]
    figures: dict[str, Any] = json.loads(_run([*command, *(["--cache", str(cache)] if cache else [])]))
    return figures


def _run(command: list[str], given: str | None = None) -> str:
    """Run a program; its progress goes to the terminal, and the last line that it prints is its answer."""
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout.strip().splitlines()[-1]


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
