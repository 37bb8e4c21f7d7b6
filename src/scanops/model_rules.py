"""The sections of `params.yaml` that say how pictures are prepared and a network is fitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from scanops.section import Fraction, Section, Sha256
from scanops.spelling import near

# The names of the catalogue (training/architectures.py), with the smallest side that leaves a feature map;
# Keras refuses its networks a smaller one.
SMALLEST_SIDES_PX = {
    "cnn_small": 16,
    "cnn_scratch": 16,
    "cnn_padded": 18,
    "vgg16": 32,
    "vgg19": 32,
    "resnet50": 32,
    "resnet101v2": 32,
    "inception_v3": 75,
    "xception": 71,
    "mobilenet": 32,
    "mobilenet_v2": 32,
    "efficientnetv2_b0": 32,
    "densenet121": 32,
    "file": 16,
}
FROM_SCRATCH = ("cnn_small", "cnn_scratch", "cnn_padded")


def _architecture(name: str) -> str:
    if name not in SMALLEST_SIDES_PX:
        known = ", ".join(SMALLEST_SIDES_PX)
        raise ValueError(f"`{name}` is unknown{near(name, SMALLEST_SIDES_PX)}; the catalogue has {known}")
    return name


class Imaging(Section):
    """From bytes to the network's input; `size_px` null takes the architecture's own."""

    size_px: Annotated[int, Field(ge=16, le=1024)] | None = None
    fit: Literal["pad", "stretch"] = "pad"
    crop: Literal["none", "brain"] = "none"


class Augmentation(Section):
    """Random changes of training images; zero switches one off."""

    flip_horizontal: bool = True
    flip_vertical: bool = False
    rotation_deg: Annotated[float, Field(ge=0, le=180)] = 0.0
    shift_fraction: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    zoom_fraction: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    shear_deg: Annotated[float, Field(ge=0, le=45)] = 0.0
    brightness_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    contrast_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    noise_std: Annotated[float, Field(ge=0, le=128)] = 0.0


class Training(Section):
    """The network and how it is fitted."""

    architecture: Annotated[str, AfterValidator(_architecture)]
    weights: Annotated[str, Field(min_length=1)] = "none"
    weights_sha256: Sha256 | None = None
    input_scaling: Literal["0..1", "-1..1", "0..255", "caffe", "torch"] = "-1..1"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 7
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 32
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 40
    warmup_epochs: Annotated[int, Field(ge=0, le=1000)] = 3
    warmup_learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-2
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-3
    fine_tune_learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-4
    optimiser: Literal["adam", "adamw", "sgd", "adamax"] = "adam"
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.004
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    schedule: Literal["constant", "cosine", "exponential", "cyclical", "reduce_on_plateau"] = "cosine"
    lowest_rate_fraction: Annotated[float, Field(gt=0, le=1)] = 0.01
    cycle_epochs: Annotated[int, Field(ge=1, le=10_000)] = 8
    plateau_patience: Annotated[int, Field(ge=1, le=1000)] = 4
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    fine_tune_from: str | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    class_weights: Literal["balanced", "none"] = "balanced"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mixed_precision: bool = False
    early_stopping_monitor: Literal["val_loss", "val_balanced_accuracy"] = "val_loss"
    early_stopping_patience: Annotated[int, Field(ge=1)] = 12
    workers: Annotated[int, Field(ge=1, le=256)] = 1

    @model_validator(mode="after")
    def _weights_suit_the_architecture(self) -> Training:
        if self.architecture == "file" and self.weights in ("none", "imagenet"):
            raise ValueError("architecture `file` needs weights: the path of a .keras or .h5 file")
        if self.architecture in FROM_SCRATCH and self.weights == "imagenet":
            raise ValueError(f"architecture `{self.architecture}` has no published weights: use none")
        return self

    @model_validator(mode="after")
    def _each_worker_has_work(self) -> Training:
        if self.workers > self.batch_size:
            raise ValueError(
                f"a batch_size of {self.batch_size} is too few images for {self.workers} workers"
            )
        return self


class Abstention(Section):
    """How many head scans the model may turn away, so that it turns away what is none."""

    max_false_rejection: Annotated[float, Field(gt=0, le=0.5)] = 0.02
    low_confidence_share: Fraction = 0.1
