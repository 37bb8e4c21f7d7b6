"""From uint8 pixels to what a trunk was made for, as layers of the graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras import layers

# Of ImageNet's pixels: red, green, blue; the first in grey levels, the others of 1.
CAFFE_MEANS = (123.68, 116.779, 103.939)
TORCH_MEANS, TORCH_SPREADS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Scaling:
    """A linear map of grey levels.

    Attributes:
        scale: Factor, of all channels or of each.
        offset: Added afterwards, to all channels or to each.
        reversed_channels: Blue comes first; `scale` and `offset` are in this order.
    """

    scale: float | list[float]
    offset: float | list[float]
    reversed_channels: bool = False


# `caffe` and `torch` are the modes of keras.applications.imagenet_utils.preprocess_input; `tf` is -1..1.
SCALINGS = {
    "0..1": Scaling(1 / 255, 0.0),
    "-1..1": Scaling(1 / 127.5, -1.0),
    "0..255": Scaling(1.0, 0.0),
    "caffe": Scaling(1.0, [-mean for mean in reversed(CAFFE_MEANS)], reversed_channels=True),
    "torch": Scaling(
        [1 / (255 * spread) for spread in TORCH_SPREADS],
        [-mean / spread for mean, spread in zip(TORCH_MEANS, TORCH_SPREADS, strict=True)],
    ),
}


def normalise(image: Any, scaling: str) -> Any:
    """Add the layers of a scaling.

    Args:
        image: Symbolic uint8 [N, S, S, 3], red first.
        scaling: A key of `SCALINGS`.

    Returns:
        Symbolic float32 [N, S, S, 3].
    """
    wanted = SCALINGS[scaling]
    # On bytes: a quarter of the memory that it would move after the scaling.
    channels = image[..., ::-1] if wanted.reversed_channels else image
    return layers.Rescaling(wanted.scale, wanted.offset, name="normalisation")(channels)
