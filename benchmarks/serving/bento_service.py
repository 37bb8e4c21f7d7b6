"""Peer: BentoML on the same graph, with as many workers as BENCHMARK_WORKERS says; run by its own Python."""

from __future__ import annotations

import json
import os
from pathlib import Path

import bentoml  # type: ignore[import-not-found]  # in an environment of its own
import onnxruntime as ort
from picture import decode  # type: ignore[import-not-found]  # bentoml starts in this folder

FOLDER = Path(os.environ["BENCHMARK_BUNDLE"])


@bentoml.service(workers=int(os.environ["BENCHMARK_WORKERS"]), traffic={"timeout": 60})
class Classifier:
    """The graph in one thread a worker: several workers with threads of their own would be slower."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(str(FOLDER / "model.onnx"), options)
        self.side_px = self.session.get_inputs()[0].shape[1]
        self.classes = json.loads((FOLDER / "bundle.json").read_text(encoding="utf-8"))["classes"]

    @bentoml.api
    def predict(self, file: Path) -> dict[str, object]:
        """Classify one picture."""
        pixels = decode(file.read_bytes(), self.side_px)
        given = self.session.run(["probabilities"], {"image": pixels})[0][0]
        return {"class": self.classes[int(given.argmax())], "probabilities": given.tolist()}
