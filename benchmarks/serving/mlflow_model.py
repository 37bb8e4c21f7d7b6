"""Peer: the same graph as MLflow's `pyfunc`, for `mlflow models serve`; pictures come in base64."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnxruntime as ort
from mlflow.pyfunc.model import PythonModel
from PIL import Image


class Classifier(PythonModel):
    """Decodes, resizes and answers, in one thread a worker."""

    def load_context(self, context: Any) -> None:
        """Load the graph; see MLflow."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        folder = Path(context.artifacts["bundle"])
        self.session = ort.InferenceSession(str(folder / "model.onnx"), options)
        self.side_px = self.session.get_inputs()[0].shape[1]
        self.classes = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))["classes"]

    def predict(self, context: Any, model_input: Any, params: Any = None) -> list[str]:  # noqa: ARG002 -- MLflow's signature
        """Classify the pictures of the column `image`; see MLflow."""
        return [self._classify(base64.b64decode(text)) for text in model_input["image"]]

    def _classify(self, data: bytes) -> str:
        with Image.open(io.BytesIO(data)) as image:
            side = (self.side_px, self.side_px)
            pixels = np.asarray(image.convert("RGB").resize(side, Image.Resampling.BILINEAR))[None]
        given = self.session.run(["probabilities"], {"image": pixels})[0][0]
        return str(self.classes[int(given.argmax())])


mlflow.models.set_model(Classifier())
