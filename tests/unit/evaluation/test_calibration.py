"""Calibration and losses by hand; that weights mean repetition is held in `test_metrics`."""

from __future__ import annotations

import numpy as np
import pytest

from scanops.evaluation import calibration


def test_losses_by_hand() -> None:
    """Brier over all classes is 0 for certainty, 2 for its opposite; a likelihood of zero stays finite."""
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]], np.float32)
    labels = np.array([0, 1, 1])
    np.testing.assert_allclose(calibration.brier_loss(labels, probabilities), [0.0, 2.0, 0.5])
    losses = calibration.log_loss(labels, probabilities)
    np.testing.assert_allclose(losses, [0.0, 87.336, np.log(2)], atol=1e-3)
    assert calibration.mean(losses[[0, 2]], np.array([1, 3])) == pytest.approx(0.75 * np.log(2))


def test_calibration_error_by_hand() -> None:
    """Guo's formula: half the images are 0.9 sure and all right, half 0.6 sure and all wrong."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]], np.float32)
    error = calibration.expected_calibration_error(np.array([0, 0, 1, 1]), probabilities, 10)
    assert error == pytest.approx(0.5 * 0.1 + 0.5 * 0.6, abs=1e-6)


def test_bins_are_closed_on_the_right() -> None:
    """A confidence on an edge falls into the lower bin; 0 and 1 stay inside."""
    assert calibration.bin_of(np.array([0.0, 0.25, 0.5, 0.75, 1.0]), 4).tolist() == [0, 0, 1, 2, 3]
