"""Class-activation maps: which places of a picture speak for a class.

The head is pooling and one dense layer, so the logit of a class is its bias and a sum over the places of the
feature map (Zhou et al. 2016, arXiv:1512.04150). numpy and Pillow alone, for evaluation and service alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]
Pooling = Literal["average", "max"]
# From some evidence to most: orange to yellow of Okabe and Ito's palette, which no grey scan holds.
COLOURS = np.array([(213, 94, 0), (240, 228, 66)], np.float64)
OPACITY = 0.75  # of the place with most evidence; the scan stays to be seen


@dataclass(frozen=True)
class Head:
    """What turns a feature map into logits.

    Attributes:
        weights: float32 [D, K] of the dense layer.
        biases: float32 [K].
        pooling: How the feature map becomes the dense layer's input.
    """

    weights: npt.NDArray[np.float32]
    biases: npt.NDArray[np.float32]
    pooling: Pooling


def contributions(features: npt.NDArray[np.float32], head: Head, classes: npt.NDArray[np.integer]) -> Floats:
    """Divide the logit of a class among the places of the feature map.

    Under average pooling each place gives what its features weigh, over the number of places. Under max
    pooling a feature speaks from the place where it is greatest, or from all such places in equal parts;
    other places give nothing.

    Args:
        features: float32 [N, h, w, D], as `Predictor.predict` gives them.
        head: Of the same bundle.
        classes: Integers [N] in [0, K), for which class to look.

    Returns:
        float64 [N, h, w], also below 0; a picture's sum is the logit of its class less the bias, before
        calibration.
    """
    values = features.astype(np.float64)
    if head.pooling == "average":
        shares: Floats | float = 1.0 / (values.shape[1] * values.shape[2])
    else:
        greatest = values == values.max(axis=(1, 2), keepdims=True)
        shares = greatest / greatest.sum(axis=(1, 2), keepdims=True)
    weights = head.weights[:, classes].T.astype(np.float64)
    return np.asarray(np.einsum("nhwd,nd->nhw", values * shares, weights), np.float64)


def relative(contributed: Floats) -> Floats:
    """Scale contributions for the eye.

    Args:
        contributed: float64 [N, h, w], what `contributions` returns.

    Returns:
        float64 [N, h, w] in 0..1: the share of the strongest place of the same picture. What speaks against
        the class is 0, and so is a whole picture where nothing speaks for it.
    """
    positive = np.maximum(contributed, 0.0)
    strongest = positive.max(axis=(1, 2), keepdims=True)
    shares = np.zeros_like(positive)
    np.divide(positive, strongest, out=shares, where=strongest > 0)
    return shares


def overlay(picture: Pixels, shares: Floats) -> Pixels:
    """Lay a map over the picture that the network saw.

    Args:
        picture: uint8 [S, S, 3].
        shares: float64 [h, w] in 0..1, one of `relative`; enlarged bilinearly.

    Returns:
        uint8 [S, S, 3]: as it was where nothing speaks for the class, orange to yellow where something does.
    """
    colour, opacity = _paint(shares, *picture.shape[:2])
    return np.asarray((picture * (1.0 - opacity) + colour * opacity).round(), np.uint8)


def layer(shares: Floats, size_px: int) -> Pixels:
    """Draw a map alone, to be laid over the picture that the network saw by whoever shows both.

    Args:
        shares: float64 [h, w] in 0..1, one of `relative`; enlarged bilinearly.
        size_px: Side of the picture.

    Returns:
        uint8 [size_px, size_px, 4], red, green, blue and opacity, the colours not multiplied by it: laid over
        the picture it gives what `overlay` gives, up to rounding.
    """
    colour, opacity = _paint(shares, size_px, size_px)
    return np.concatenate([colour, opacity * 255.0], axis=2).round().astype(np.uint8)


def _paint(shares: Floats, height: int, width: int) -> tuple[Floats, Floats]:
    """Give colour [height, width, 3] in 0..255 and opacity [height, width, 1] in 0..1."""
    small = Image.fromarray(shares.astype(np.float32))
    heat = np.asarray(small.resize((width, height), Image.Resampling.BILINEAR), np.float64)
    heat = heat.clip(0.0, 1.0)[..., None]
    return COLOURS[0] + heat * (COLOURS[1] - COLOURS[0]), OPACITY * heat
