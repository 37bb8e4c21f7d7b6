"""What the stage `image` needs, made small, and the stage run on it as `make repro` does."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.release.engine import Engine
from tests.bundles import make_bundle
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[1]
CLASSES = ("left", "right", "none")


def lay_out(folder: Path) -> None:
    """Write what the earlier stages leave: a bundle, a passing verdict, test images and their answers."""
    bundle = make_bundle(folder / "bundle", CLASSES)
    gate = {"verdict": "pass", "bundle_sha256": bundles.hash_bundle(bundle)}
    (folder / "gate.json").write_text(json.dumps(gate), encoding="utf-8")
    (folder / "card.md").write_text(f"# About {gate['bundle_sha256']}\n", encoding="utf-8")
    random, rows, predictor = np.random.default_rng(5), [], Predictor(bundle)
    (folder / "raw").mkdir()
    for index in range(10):
        file = io.BytesIO()
        picture = random.integers(0, 255, (50, 30 + index, 3), dtype=np.uint8)
        Image.fromarray(picture).save(file, "PNG" if index % 2 else "JPEG")
        path = folder / "raw" / f"{index}.img"
        path.write_bytes(file.getvalue())
        row = predictor.predict(np.stack([predictor.prepare(path.read_bytes())])).probabilities[0]
        label = CLASSES[int(row.argmax())]
        answer = {f"p_{name}": float(value) for name, value in zip(CLASSES, row, strict=True)}
        rows.append(
            {"image_id": str(index), "path": path.name, "label": label, "prediction": label, **answer}
        )
    table = pd.DataFrame(rows)
    table[["image_id", "path", "label"]].assign(split="test").to_parquet(folder / "splits.parquet")
    table.drop(columns="path").to_parquet(folder / "predictions.parquet")


def run_stage(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the stage as `make repro` does."""
    command = [sys.executable, "-m", "pipelines.image", "--params", str(ROOT / "params.yaml")]
    for name in ("bundle", "raw"):
        command += [f"--{name}", str(folder / name)]
    command += ["--gate", str(folder / "gate.json"), "--report", str(folder / "image.json")]
    command += ["--card", str(folder / "card.md"), "--timings", str(folder / "timings.json")]
    command += [
        "--splits",
        str(folder / "splits.parquet"),
        "--predictions",
        str(folder / "predictions.parquet"),
    ]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    return subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, env=env, timeout=900
    )


def wait_until_healthy(engine: Engine, name: str) -> None:
    """Wait until a container is healthy by its own check."""
    deadline = time.monotonic() + PATIENCE_S
    while engine.inspect(name, "container")["State"].get("Health", {}).get("Status") != "healthy":
        assert time.monotonic() < deadline, engine.logs(name)
        time.sleep(0.5)
