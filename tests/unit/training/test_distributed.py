"""Shares of a batch, trained on together, are the batch: on two devices of one process, as with two GPUs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow


def test_two_replicas_train_as_one() -> None:
    """With batch normalisation, dropout, class weights, a penalty and a last batch of one image, too."""
    knobs = {"optimiser": "adamw", "schedule": "reduce_on_plateau", "plateau_patience": 1, "dropout": 0.5}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("replicas.py")), json.dumps(knobs)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = json.loads(done.stdout.splitlines()[-1])
    assert len(one) == len(two) == 3
    assert len({point["learning_rate"] for point in one}) > 1
    for first, second in zip(one, two, strict=True):
        for name in set(first) - {"phase"}:
            np.testing.assert_allclose(second[name], first[name], rtol=0, atol=1e-4, err_msg=name)
