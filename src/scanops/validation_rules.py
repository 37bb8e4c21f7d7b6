"""The `validation` section of `params.yaml`: bounds of the image scan, severities, thresholds."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from scanops.section import Fraction, Section, Severity


class Severities(Section):
    """What a defect does to its image: noted, left out of training, or stops the pipeline."""

    undecodable: Severity = "quarantine"
    truncated: Severity = "quarantine"
    format_mismatch: Severity = "info"
    too_small: Severity = "quarantine"
    blank: Severity = "quarantine"
    low_contrast: Severity = "info"
    colour_image: Severity = "info"
    exact_duplicate: Severity = "info"
    pixel_duplicate: Severity = "info"
    near_duplicate: Severity = "info"
    label_conflict: Severity = "quarantine"
    identifying_metadata: Severity = "quarantine"
    unsupported: Severity = "quarantine"


class Drift(Section):
    """How far the data may move from the accepted version before it is a warning."""

    max_class_share_change: Fraction = 0.1
    max_size_psi: Annotated[float, Field(ge=0)] = 0.25
    max_intensity_psi: Annotated[float, Field(ge=0)] = 0.25
    max_defect_rate_change: Fraction = 0.05


class Monitoring(Section):
    """When the pictures that a service gets have moved from those of validation."""

    false_alarm_rate: Annotated[float, Field(ge=0.0001, le=0.2)] = 0.01
    shift: Annotated[float, Field(ge=0.05, le=0.9)] = 0.3
    power: Annotated[float, Field(ge=0.5, lt=1)] = 0.9
    min_psi: Annotated[float, Field(ge=0)] = 0.1

    @model_validator(mode="after")
    def _a_shift_that_matters_is_no_small_one(self) -> Monitoring:
        # Two bins that the shift parts; up to a tenth of it may hide inside one of the ten.
        seen = max(0.0, self.shift - 0.1)
        least = 2 * seen * math.log((1 + seen) / (1 - seen))
        if self.min_psi > least:
            raise ValueError(f"min_psi above {least:.2f} may hide a shift of {self.shift:g}")
        return self


class Validation(Section):
    """Bounds for the image scan and for the expectations over the manifest."""

    max_pixels: Annotated[int, Field(ge=1024, le=25_000_000)] = 25_000_000
    min_side_px: Annotated[int, Field(ge=1)] = 64
    blank_std: Annotated[float, Field(ge=0, le=128)] = 2.0
    low_contrast_std: Annotated[float, Field(ge=0, le=128)] = 12.0
    colour_spread: Annotated[float, Field(ge=0, le=255)] = 12.0
    max_quarantined_fraction: Fraction = 0.1
    min_images_per_class: Annotated[int, Field(ge=1)] = 20
    max_class_imbalance: Annotated[float, Field(ge=1)] = 20.0
    max_frames: Annotated[int, Field(ge=1, le=100_000)] = 1000
    near_duplicate_similarity: Annotated[float, Field(ge=0.9, le=1)] = 0.97
    shortcut_margin: Fraction = 0.1
    drift: Drift = Drift()
    patient_pattern: str | None = None
    severity: Severities = Severities()

    @field_validator("patient_pattern")
    @classmethod
    def _names_a_patient(cls, pattern: str | None) -> str | None:
        try:
            groups = re.compile(pattern or "(?P<patient>)").groupindex
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        if "patient" not in groups:
            raise ValueError("must have a group (?P<patient>…)")
        return pattern
