"""Peer: Flask and Keras' `predict`, as tutorials have it; started by gunicorn, a worker a core."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras
from flask import Flask, request
from picture import decode  # type: ignore[import-not-found]  # gunicorn starts in this folder

FOLDER = Path(os.environ["BENCHMARK_BUNDLE"])
CLASSES = json.loads((FOLDER / "bundle.json").read_text(encoding="utf-8"))["classes"]
model = keras.models.load_model(FOLDER.parent / "model.keras", compile=False)
app = Flask(__name__)


@app.get("/ready")
def ready() -> str:
    """Answer when the model is loaded."""
    return "ready"


@app.post("/predict")
def predict() -> dict[str, object]:
    """Classify one picture."""
    pixels = decode(request.files["file"].read(), model.input_shape[1])
    given = model.predict(pixels, verbose=0)[0]
    return {"class": CLASSES[int(given.argmax())], "probabilities": given.tolist()}
