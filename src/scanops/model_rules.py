"""The sections of `params.yaml` that say how pictures are prepared and a network is fitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scanops.section import Section, Sha256


class Imaging(Section):
    """From bytes to the network's input; `size_px` null takes the architecture's own."""

    size_px: Annotated[int, Field(ge=16, le=1024)] | None = None
    fit: Literal["pad", "stretch"] = "pad"


class Augmentation(Section):
    """Random changes of training images; zero switches one off."""

    flip_horizontal: bool = True
    rotation_deg: Annotated[float, Field(ge=0, le=180)] = 0.0
    shift_fraction: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    zoom_fraction: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    brightness_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    contrast_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Training(Section):
    """The network and how it is fitted."""

    architecture: Literal["cnn_small", "mobilenet", "file"]
    weights: Annotated[str, Field(min_length=1)] = "none"
    weights_sha256: Sha256 | None = None
    input_scaling: Literal["0..1", "-1..1", "0..255"] = "-1..1"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 7
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 32
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 40
    warmup_epochs: Annotated[int, Field(ge=0, le=1000)] = 3
    warmup_learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-2
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-3
    fine_tune_learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-4
    schedule: Literal["constant", "cosine"] = "cosine"
    fine_tune_from: str | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    class_weights: Literal["balanced", "none"] = "balanced"
    early_stopping_patience: Annotated[int, Field(ge=1)] = 12

    @model_validator(mode="after")
    def _file_needs_weights(self) -> Training:
        if self.architecture == "file" and self.weights in ("none", "imagenet"):
            raise ValueError("architecture `file` needs weights: the path of a .keras or .h5 file")
        if self.architecture == "cnn_small" and self.weights != "none":
            raise ValueError("architecture `cnn_small` has no published weights: use weights: none")
        return self
