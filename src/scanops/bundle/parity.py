"""Does a bundle answer like the model that it came from? In probabilities, embedding and feature map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from scanops.bundle import export
from scanops.bundle.predictor import OUTPUTS, Floats, Predictor
from scanops.errors import VerdictError
from scanops.imaging import Pixels

BATCH = 32
# Answers that spread over so many tolerances would show a graph that gives others.
TELLING = 10
# Softmax keeps a probability within 0 and 1, while rounding adds up in features over a hundred layers.
LOOSER = 10


@dataclass(frozen=True)
class Parity:
    """How closely a bundle follows the model it came from.

    Attributes:
        images: How many were compared.
        same_label: How many got the same label from both.
        max_difference: Largest difference of any probability.
        max_relative: Largest difference of any number of an output, as a share of the largest absolute number
            that the model gives there, by the output's name.
        spread: Largest difference of a class's probability between two images, in [0, 1].
        probabilities: float32 [N, K], what the bundle's graph gave.
    """

    images: int
    same_label: int
    max_difference: float
    max_relative: Mapping[str, float]
    spread: float
    probabilities: Floats

    def __str__(self) -> str:
        """Say it in a part of a sentence."""
        return (
            f"same label as the model for {self.same_label} of {self.images} images, probabilities within "
            f"{self.max_difference:.1e} (they spread over {self.spread:.2g}), features within "
            f"{self.max_relative['features']:.1e} of the largest"
        )


def compare(model: keras.Model, folder: Path, pixels: Pixels) -> Parity:
    """Compare a model and its bundle's graph on the same images; calibration comes after both.

    Args:
        model: The trained model.
        folder: Its bundle.
        pixels: uint8 [N, S, S, 3].

    Returns:
        How closely they agree.
    """
    predictor, whole = Predictor(folder), export.outputs_of(model)
    same, gaps, sizes, answers = 0, [], [], []
    for start in range(0, len(pixels), BATCH):
        batch = np.asarray(pixels[start : start + BATCH])
        expected = [np.asarray(value) for value in whole(batch, training=False)]
        given = predictor.run_graph(batch)
        actual = [getattr(given, name) for name in OUTPUTS]
        same += int((expected[0].argmax(1) == actual[0].argmax(1)).sum())
        gaps.append([np.abs(one - other).max() for one, other in zip(expected, actual, strict=True)])
        sizes.append([np.abs(one).max() for one in expected])
        answers.append(given.probabilities)
    # Unlike Python's max, NumPy's keeps a gap that is not a number, and so `require` sees it.
    gap, size = np.max(gaps, axis=0), np.max(sizes, axis=0)
    probabilities = np.concatenate(answers)
    return Parity(
        images=len(pixels),
        same_label=same,
        max_difference=float(gap[0]),
        # An output that is nothing but zeros has no size to compare with.
        max_relative=dict(zip(OUTPUTS, map(float, gap / np.where(size > 0, size, 1.0)), strict=True)),
        spread=float(np.ptp(probabilities, axis=0).max()),
        probabilities=probabilities,
    )


def answer(folder: Path, pixels: Pixels) -> Floats:
    """Run a bundle's graph.

    Args:
        folder: The bundle.
        pixels: uint8 [N, S, S, 3].

    Returns:
        float32 [N, K], its probabilities, not calibrated.
    """
    predictor, starts = Predictor(folder), range(0, len(pixels), BATCH)
    return np.concatenate(
        [predictor.run_graph(np.asarray(pixels[start : start + BATCH])).probabilities for start in starts]
    )


def require(parity: Parity, tolerance: float) -> None:
    """Refuse a bundle that does not follow its model.

    Args:
        parity: What `compare` returns.
        tolerance: Largest difference allowed of any probability; in embedding and feature map `LOOSER` times
            that, as a share of the largest number there.

    Raises:
        VerdictError: A label differs, or one of the outputs differs by more.
    """
    remedy = "Try another export.opset, or report the architecture"
    if parity.same_label < parity.images or not parity.max_difference <= tolerance:
        raise VerdictError(
            "the exported bundle",
            f"gives the model's label for {parity.same_label} of {parity.images} images, and a probability "
            f"differs by {parity.max_difference:.2g} (allowed: {tolerance:.2g})",
            remedy,
        )
    for name in OUTPUTS[1:]:
        if not parity.max_relative[name] <= LOOSER * tolerance:
            raise VerdictError(
                "the exported bundle",
                f"gives the model's labels, but in {name} a number differs by "
                f"{parity.max_relative[name]:.2g} of the largest there (allowed: {LOOSER * tolerance:.2g})",
                remedy,
            )


def doubt(parity: Parity, tolerance: float) -> str | None:
    """Say when parity proves little: answers that hardly differ agree with many a graph's.

    Args:
        parity: What `compare` returns.
        tolerance: As for `require`.

    Returns:
        A sentence, or None where the answers spread over more than ten tolerances.
    """
    if parity.spread >= TELLING * tolerance:
        return None
    same = f"the model gives {parity.images} image(s) the same probabilities within {parity.spread:.1e}"
    return f"{same}: that the bundle does too says little"
