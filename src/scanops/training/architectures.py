"""The catalogue of networks; docs/models.md shows it as a table.

`model_rules.SMALLEST_SIDES_PX` holds the same names, with the smallest side that each can take: a wrong
name or side is found before any work starts, without loading TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
from keras import applications

from scanops.model_rules import Training
from scanops.training import scratch


@dataclass(frozen=True)
class Published:
    """Weights learnt on ImageNet, without the classes' layer, as Keras fetches and keeps them.

    Attributes:
        file: Name in Keras' cache; `{side}` stands for the side that they were learnt at.
        sides: Those to choose from, in pixels; the largest is taken for any other input.
    """

    file: str
    sides: tuple[int, ...] = ()

    def file_for(self, size_px: int) -> str:
        """Name the file for an input.

        Args:
            size_px: Side of the input.

        Returns:
            A file name.
        """
        return self.file.format(side=size_px if size_px in self.sides else max(self.sides, default=0))


@dataclass(frozen=True)
class Architecture:
    """An entry of the catalogue.

    Attributes:
        size_px: Side of its square input unless `imaging.size_px` says otherwise.
        scaling: What the trunk expects, a key of `normalisation.SCALINGS`; None takes
            `training.input_scaling`.
        pooling: How the feature map becomes the embedding: `average`, or `max` for lesions that are
            small beside the map.
        trunk: Makes the layers from normalised image to feature map; None: `training.weights` holds them.
        published: Where its ImageNet weights are; None: there are none.
    """

    size_px: int
    scaling: str | None
    pooling: str
    trunk: Callable[..., keras.Model] | None
    published: Published | None = None


def _usual(name: str) -> Published:
    """Name the file as Keras does for most of its networks."""
    return Published(f"{name}_weights_tf_dim_ordering_tf_kernels_notop.h5")


CATALOGUE: dict[str, Architecture] = {
    # From scratch.
    "cnn_small": Architecture(64, "-1..1", "max", scratch.cnn_small),
    "cnn_scratch": Architecture(240, "-1..1", "average", scratch.cnn_scratch),
    "cnn_padded": Architecture(240, "-1..1", "average", scratch.cnn_padded),
    # Simonyan and Zisserman, 2015, arXiv:1409.1556.
    "vgg16": Architecture(224, "caffe", "average", applications.VGG16, _usual("vgg16")),
    "vgg19": Architecture(224, "caffe", "average", applications.VGG19, _usual("vgg19")),
    # He et al., 2015, arXiv:1512.03385.
    "resnet50": Architecture(224, "caffe", "average", applications.ResNet50, _usual("resnet50")),
    # He et al., 2016, arXiv:1603.05027.
    "resnet101v2": Architecture(224, "-1..1", "average", applications.ResNet101V2, _usual("resnet101v2")),
    # Szegedy et al., 2015, arXiv:1512.00567.
    "inception_v3": Architecture(299, "-1..1", "average", applications.InceptionV3, _usual("inception_v3")),
    # Chollet, 2017, arXiv:1610.02357.
    "xception": Architecture(299, "-1..1", "average", applications.Xception, _usual("xception")),
    # Howard et al., 2017, arXiv:1704.04861.
    "mobilenet": Architecture(
        224,
        "-1..1",
        "average",
        applications.MobileNet,
        Published("mobilenet_1_0_{side}_tf_no_top.h5", (128, 160, 192, 224)),
    ),
    # Sandler et al., 2018, arXiv:1801.04381.
    "mobilenet_v2": Architecture(
        224,
        "-1..1",
        "average",
        applications.MobileNetV2,
        Published(
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{side}_no_top.h5", (96, 128, 160, 192, 224)
        ),
    ),
    # Tan and Le, 2021, arXiv:2104.00298. Its own preprocessing is `torch` too: ours takes its place.
    "efficientnetv2_b0": Architecture(
        224,
        "torch",
        "average",
        partial(applications.EfficientNetV2B0, include_preprocessing=False),
        Published("efficientnetv2-b0_notop.h5"),
    ),
    # Huang et al., 2017, arXiv:1608.06993.
    "densenet121": Architecture(224, "torch", "average", applications.DenseNet121, _usual("densenet121")),
    # Any saved Keras model whose output is a feature map.
    "file": Architecture(224, None, "average", None),
}


def input_size_px(params: Training, size_px: int | None) -> int:
    """Choose the side of the input.

    Args:
        params: The training section.
        size_px: `imaging.size_px`; None for the architecture's own.

    Returns:
        Side in pixels.
    """
    return size_px or CATALOGUE[params.architecture].size_px
