"""`params.yaml` as one typed configuration: frozen, unknown keys refused, ranges checked."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)

from scanops.catalogue import Source
from scanops.errors import ConfigError
from scanops.model_rules import SMALLEST_SIDES_PX, Abstention, Augmentation, Imaging, Training
from scanops.section import Fraction, Section, faults
from scanops.validation_rules import Monitoring, Validation


class Fractions(Section):
    """Shares of the groups; written `train/val/test`, for example `0.6/0.2/0.2`."""

    train: Annotated[float, Field(gt=0, lt=1)]
    val: Annotated[float, Field(gt=0, lt=1)]
    test: Annotated[float, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _sum_to_one(self) -> Fractions:
        if abs(self.train + self.val + self.test - 1.0) > 1e-6:
            raise ValueError("train, val and test must add up to 1")
        return self


def _parse_fractions(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = value.split("/")
    if len(parts) != 3:
        raise ValueError("write train/val/test, for example 0.6/0.2/0.2")
    return dict(zip(("train", "val", "test"), parts, strict=True))


class Pull(Section):
    """How foreign images enter; `strip_metadata` leaves out what names a person or a place."""

    strip_metadata: bool = False


class Split(Section):
    """How groups are assigned; the same key keeps the same test set as data grow."""

    fractions: Annotated[Fractions, BeforeValidator(_parse_fractions)]
    key: Annotated[str, Field(min_length=1)]
    min_groups: Annotated[int, Field(ge=1)] = 3


class Export(Section):
    """The bundle, and how closely it must follow the trained model."""

    opset: Annotated[int, Field(ge=15, le=18)] = 17
    parity_tolerance: Annotated[float, Field(gt=0, le=1e-2)] = 1e-4
    precision: Literal["float32", "int8"] = "float32"
    int8_margin: Annotated[float, Field(gt=0, le=0.2)] = 0.01
    int8_calibration_images: Annotated[int, Field(ge=1, le=10_000)] = 200


class Evaluation(Section):
    """Intervals, baselines, and what counts as a detection."""

    bootstrap_resamples: Annotated[int, Field(ge=200, le=100_000)] = 2000
    seed: Annotated[int, Field(ge=0)] = 7
    calibration_bins: Annotated[int, Field(ge=2, le=100)] = 15
    baseline_side_px: Annotated[int, Field(ge=8, le=128)] = 32
    negative_class: Annotated[str, Field(min_length=1)] | None = None
    detection_specificity: Annotated[float, Field(gt=0, le=1)] = 0.9
    strangers: Annotated[int, Field(ge=1, le=1000)] = 30


class Gate(Section):
    """What a model must reach: floors for the lower, ceilings for the upper end of the 95 % interval."""

    min_balanced_accuracy: Fraction = 0.8
    min_macro_f1: Fraction = 0.0
    min_auroc: Fraction = 0.9
    min_class_recall: Fraction = 0.6
    min_margin_over_baseline: Annotated[float, Field(ge=-1, le=1)] = 0.02
    max_ece: Fraction = 0.15
    max_bundle_mb: Annotated[float, Field(gt=0)] = 300.0
    min_strangers_abstained: Fraction = 0.0
    max_false_rejection: Fraction = 1.0


class Challenge(Section):
    """When a new model replaces the one in production; balanced accuracy, on the same test images."""

    margin: Annotated[float, Field(gt=0, le=0.2)] = 0.01


class Image(Section):
    """The container image that ships the bundle."""

    base: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(pattern=r"^[a-z0-9]+([._/-][a-z0-9]+)*$")] = "scanops"
    smoke_images: Annotated[int, Field(ge=1, le=64)] = 16
    ready_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    max_latency_ms: Annotated[float, Field(gt=0)] = 1000.0


class Tracking(Section):
    """Where runs are recorded, unless MLFLOW_TRACKING_URI says otherwise."""

    uri: Annotated[str, Field(min_length=1)] = "sqlite:///mlflow.db"
    experiment: Annotated[str, Field(min_length=1)] = "scanops"
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "scanops"


class Config(Section):
    """All of `params.yaml`."""

    dataset: str
    sources: dict[str, Source]
    pull: Pull
    validation: Validation
    split: Split
    imaging: Imaging
    augmentation: Augmentation
    training: Training
    export: Export
    abstention: Abstention = Abstention()
    evaluation: Evaluation
    gate: Gate
    challenge: Challenge
    image: Image
    monitoring: Monitoring = Monitoring()
    tracking: Tracking

    @model_validator(mode="after")
    def _dataset_is_in_catalogue(self) -> Config:
        if self.dataset not in self.sources:
            raise ValueError(f"dataset `{self.dataset}` is not in sources: {', '.join(self.sources)}")
        return self

    @model_validator(mode="after")
    def _input_is_large_enough(self) -> Config:
        name, side_px = self.training.architecture, self.imaging.size_px
        smallest_px = SMALLEST_SIDES_PX[name]
        if side_px is not None and side_px < smallest_px:
            raise ValueError(
                f"imaging.size_px {side_px} is too small for {name}, which takes {smallest_px} or more"
            )
        return self

    @property
    def source(self) -> Source:
        """The catalogue entry that `dataset` names."""
        return self.sources[self.dataset]


def parse(values: dict[str, Any], origin: str = "params.yaml") -> Config:
    """Check raw values and freeze them.

    Args:
        values: The mapping read from YAML.
        origin: What to call it in a message.

    Returns:
        The configuration.

    Raises:
        ConfigError: A key is unknown or missing, or a value is out of range; all faults are listed.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(
            origin,
            faults(error),
            "Correct them; src/scanops/config.py leads to the type and range of each key",
        ) from error


def load(path: Path = Path("params.yaml")) -> Config:
    """Read and check a parameter file.

    Args:
        path: A YAML file.

    Returns:
        The configuration.

    Raises:
        ConfigError: The file is missing, is not YAML, or does not hold a valid configuration.
    """
    return parse(read_yaml(path), str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Args:
        path: A YAML file.

    Returns:
        The mapping at its top level.

    Raises:
        ConfigError: The file is missing, is not YAML, or holds no mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read ({error})", "Run from the project's root") from error
    except yaml.YAMLError as error:
        raise ConfigError(str(path), f"is not YAML ({error})", "Correct the syntax") from error
    if not isinstance(values, dict):
        raise ConfigError(str(path), "holds no mapping", "Restore it from git")
    return values


def fingerprint(*sections: BaseModel) -> str:
    """Hash sections independently of the order and layout of the file they came from.

    Args:
        *sections: Frozen sections.

    Returns:
        A SHA-256 in hexadecimal.
    """
    canonical = json.dumps([s.model_dump(mode="json") for s in sections], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
