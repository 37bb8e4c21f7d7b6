"""How long from a finished scan to the first step of training, on the 4-class set with files in the cache?

The command `train` is timed as it is run, from the start of its process to the end of its first step: import,
splits, decoding of the train and val pictures, network, trace. Scan and split come before, and are not
timed. The files are in the system's cache because the scan has read them, and the tracking data base is there
because a run before, which is not counted, has made it. The pictures are those of the archive in the folder
that SCANOPS_MIRROR names, else phantoms.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks import figures
from scanops import config
from scanops.data import layout, manifest, phantom, sources, splits
from scanops.data.survey import survey

DATASET = "brain-tumor-4class"
MOST_S = 15.0
QUICK = 100


def main() -> None:
    """Print the seconds of each architecture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"one round on {QUICK} phantoms")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        what = _prepare(folder, quick)
        print(f"from a finished scan to the first step of training, {what}:")
        _first_step(folder, "cnn_small")
        for architecture in ("cnn_small",) if quick else ("cnn_small", "mobilenet"):
            rounds = [_first_step(folder, architecture) for _ in range(1 if quick else 3)]
            for part in rounds[0]:
                print(figures.line(f"    {part}, s", [parts[part] for parts in rounds]))
            totals = [sum(parts.values()) for parts in rounds]
            print(figures.line(f"  {architecture}, all, s", totals, most=MOST_S), flush=True)


def _prepare(folder: Path, quick: bool) -> str:
    """Fill the raw folder, scan it, and draw the splits."""
    params, raw = config.load(), folder / "raw"
    mirror, source = os.environ.get("SCANOPS_MIRROR"), params.sources[DATASET]
    archive = Path(mirror or "") / str(getattr(source, "archive", ""))
    real = bool(mirror) and archive.is_file() and not quick
    if real:
        sources.fetch(source, raw, mirror=archive.parent, cache=archive.parent)
    else:
        phantom.generate(raw, images=QUICK if quick else 3000, seed=1)
    rows = survey(raw, layout.classify(layout.find(raw)).placed, params.validation)
    divided = splits.divide(rows, params.split.model_copy(update={"min_groups": 1}))
    manifest.write(rows, folder / "manifest.parquet")
    splits.write(divided, folder / "splits.parquet")
    known = int(divided.query("representative and split != 'test'").shape[0])
    return f"{known} pictures of {DATASET if real else 'phantoms'}"


def _first_step(folder: Path, architecture: str) -> dict[str, float]:
    """Run `train` until its network has learnt from one batch, then stop it; seconds of each part."""
    values = config.read_yaml(Path("params.yaml"))
    values["training"] |= {"architecture": architecture, "weights": "none"}
    values["tracking"]["uri"] = f"sqlite:///{folder}/mlflow.db"
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    paths = {name: folder / name for name in ("raw", "model", "plots")}
    paths |= {"splits": folder / "splits.parquet", "params": folder / "params.yaml"}
    words = [str(word) for name, path in paths.items() for word in (f"--{name}", path)]
    environment = {**os.environ, "SCANOPS_CACHE": str(folder / "cache"), "MLFLOW_TRACKING_URI": ""}
    command = [sys.executable, "-m", "benchmarks.until_first_step", *words]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode or not done.stdout.strip():
        sys.exit(f"train ended with {done.returncode} before its first step:\n{done.stderr[-2000:]}")
    parts: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {"start of the process": seconds - sum(parts.values()), **parts}


if __name__ == "__main__":
    main()
