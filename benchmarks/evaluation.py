"""What does `evaluate` add to decoding and inference? The stage beside a program that does these two alone.

Both run as processes of their own, by turns, start-up included, on the same phantoms and the same graph: the
test pictures are answered for, the train pictures (which the baselines need) are only read. The stage also
compares baselines, resamples 2,000 times, cuts slices and draws.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks import figures
from benchmarks.bundle_latency import write_bundle
from scanops import atomic, config
from scanops.bundle import bundle as bundles
from scanops.bundle import origin
from scanops.data import layout, manifest, phantom, splits
from scanops.data.survey import survey

MOST = 1.2
IMAGES, QUICK = 3000, 120
# For every picture to answer for, so many that are only read.
TRAIN_SHARE = 0.2


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"one round on {QUICK} pictures")
    quick = parser.parse_args().quick
    images, rounds = (QUICK, 1) if quick else (IMAGES, 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = _prepare(folder, images)
        for architecture in ("cnn_small",) if quick else ("cnn_small", "mobilenet"):
            classes = tuple(sorted(rows["label"].unique()))
            (folder / "bundle").mkdir(exist_ok=True)
            rules = config.fingerprint(config.load().split)
            origins = origin.of(folder / "manifest.parquet", folder / "splits.parquet", rules)
            write_bundle(folder / "bundle", architecture, classes, origins)
            ours, theirs = _measure(folder, rows, rounds)
            tested = int((rows["split"] == "test").sum())
            print(f"evaluate on {tested} images ({len(rows) - tested} more read), {architecture}:")
            for what, seconds in (("evaluate, s", ours), ("bare decoding and inference, s", theirs)):
                print(figures.line(f"  {what}", seconds))
            print(figures.line("  evaluate / bare", figures.ratios(ours, theirs), most=MOST))
            more = [a - b for a, b in zip(ours, theirs, strict=True)]
            print(figures.line("  evaluate less bare, s", more), flush=True)


def _prepare(folder: Path, images: int) -> pd.DataFrame:
    """Draw, scan, and divide: every sixth group is in train, the rest in test."""
    raw = folder / "raw"
    phantom.generate(raw, images=round(images * (1 + TRAIN_SHARE)), seed=1)
    params = config.load()
    rows = survey(raw, layout.classify(layout.find(raw)).placed, params.validation)
    divided = splits.divide(rows, params.split.model_copy(update={"min_groups": 1}))
    order = {group: place for place, group in enumerate(sorted(divided["group"].unique()))}
    every = round(1 + 1 / TRAIN_SHARE)
    divided["split"] = ["train" if order[group] % every == 0 else "test" for group in divided["group"]]
    manifest.write(rows, folder / "manifest.parquet")
    splits.write(divided, folder / "splits.parquet")
    atomic.write_json(folder / "validation.json", {"verdict": "pass", "warnings": []})
    used = divided[divided["representative"]]
    return used.sort_values(["split", "path"], ascending=[False, True], ignore_index=True)


def _measure(folder: Path, rows: pd.DataFrame, rounds: int) -> tuple[list[float], list[float]]:
    files = {name: folder / f"{name}.parquet" for name in ("manifest", "splits", "predictions")}
    files |= {name: folder / name for name in ("raw", "bundle", "plots")}
    files |= {"validation": folder / "validation.json", "report": folder / "metrics.json"}
    files["card"] = folder / "model_card.md"
    words = [str(word) for name, path in files.items() for word in (f"--{name}", path)]
    tested = int((rows["split"] == "test").sum())
    graph = str(folder / "bundle" / bundles.GRAPH)
    paths = "\n".join(str(folder / "raw" / path) for path in rows["path"])
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(_time(["pipelines.evaluate", *words]))
        theirs.append(_time(["benchmarks.bare_evaluate", graph, "--answered", str(tested)], paths))
    return ours, theirs


def _time(command: list[str], given: str | None = None) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *command], input=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
