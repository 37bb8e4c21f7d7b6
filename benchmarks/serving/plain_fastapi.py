"""Peer: FastAPI as its tutorial has it, on the same graph; what a service costs that does nothing beside."""

from __future__ import annotations

import json
import os
from pathlib import Path

import onnxruntime as ort
from fastapi import FastAPI, UploadFile
from picture import decode  # type: ignore[import-not-found]  # uvicorn starts in this folder

FOLDER = Path(os.environ["BENCHMARK_BUNDLE"])
CLASSES = json.loads((FOLDER / "bundle.json").read_text(encoding="utf-8"))["classes"]
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(str(FOLDER / "model.onnx"), options, providers=["CPUExecutionProvider"])
app = FastAPI()


@app.get("/ready")
def ready() -> str:
    """Answer when the model is loaded."""
    return "ready"


@app.post("/predict")
def predict(file: UploadFile) -> dict[str, object]:
    """Classify one picture."""
    pixels = decode(file.file.read(), session.get_inputs()[0].shape[1])
    given = session.run(["probabilities"], {"image": pixels})[0][0]
    return {"class": CLASSES[int(given.argmax())], "probabilities": given.tolist()}
