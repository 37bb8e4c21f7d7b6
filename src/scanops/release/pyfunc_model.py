"""A bundle as a model of MLflow (`mlflow.pyfunc`): logged as code, so that nothing is pickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt
from mlflow.pyfunc.model import PythonModel

from scanops.bundle.predictor import Predictor

BUNDLE = "bundle"  # name of the artefact


class BundleModel(PythonModel):
    """Answers as the service does: the same Predictor on the same bundle."""

    _predictor: Predictor

    def load_context(self, context: Any) -> None:
        """Load the bundle.

        Args:
            context: MLflow's, which knows where the artefact lies.
        """
        self._predictor = Predictor(Path(context.artifacts[BUNDLE]))

    def predict(
        self, context: Any, model_input: Any, params: dict[str, Any] | None = None
    ) -> npt.NDArray[np.float32]:
        """Answer a batch.

        Args:
            context: MLflow's; what it holds was loaded before.
            model_input: uint8 [N, size_px, size_px, 3], as `Predictor.prepare` makes them.
            params: There are none.

        Returns:
            float32 [N, classes], calibrated probabilities in the order of the bundle's classes.
        """
        del context, params
        return self._predictor.predict(np.asarray(model_input, np.uint8)).probabilities


mlflow.models.set_model(BundleModel())
