"""Calibration of an exported bundle: fitted on what its graph gives, written beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanops import temperature
from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from tests.bundles import make_bundle
from tests.pictures import encode, noise


@pytest.mark.tensorflow
def test_the_temperature_is_written_into_the_bundle(tmp_path: Path) -> None:
    """The description carries the likeliest temperature; the graph and the other fields stay."""
    from scanops.bundle import export  # noqa: PLC0415 -- loads TensorFlow

    folder = make_bundle(tmp_path / "bundle")
    before = Predictor(folder)
    batch = np.stack([before.prepare(encode(noise(seed))) for seed in range(40)])
    probabilities = before.run_graph(batch).probabilities
    targets = np.where(np.arange(40) % 4 == 0, (probabilities.argmax(1) + 1) % 3, probabilities.argmax(1))
    labels = [before.bundle.classes[target] for target in targets]
    fitted = export.calibrate(folder, before.bundle, probabilities, labels)
    assert fitted == temperature.fit(probabilities, targets) != 1.0
    assert bundles.read(folder) == before.bundle.model_copy(update={"temperature": fitted})
    given = Predictor(folder).predict(batch).probabilities
    np.testing.assert_array_equal(given, temperature.scale(probabilities, fitted))
