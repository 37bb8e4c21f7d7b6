"""A data set in a few dozen numbers: counts and deciles, no paths and nothing of a single image."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from scanops.intervals import Floats
from scanops.section import Section
from scanops.validation_rules import Severities

Count = Annotated[int, Field(ge=0)]
DECILES = np.arange(1, 10) / 10
DIGITS = 3  # of an edge: pixels squared and grey levels need no more


class Histogram(Section):
    """Counts between the deciles of one feature.

    Attributes:
        edges: Inner edges, rising; as many deciles as are different. A bin ends with its upper edge.
        counts: Images a bin, one more than there are edges.
    """

    edges: tuple[float, ...]
    counts: tuple[Count, ...]

    @model_validator(mode="after")
    def _fits(self) -> Histogram:
        if len(self.counts) != len(self.edges) + 1 or sum(self.counts) == 0:
            raise ValueError("needs one count more than edges, and an image")
        if any(low >= high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("edges must rise")
        return self


class Profile(Section):
    """What a later version of the data is compared with.

    Attributes:
        images: All images.
        classes: Usable images a class.
        size: Of the area of usable images, in square pixels.
        intensity: Of the mean grey level of usable images, 0 to 255.
        defects: Images with a defect, a kind.
    """

    images: Annotated[int, Field(ge=1)]
    classes: Annotated[dict[str, Count], Field(min_length=1)]
    size: Histogram
    intensity: Histogram
    defects: dict[str, Count]


def describe(manifest: pd.DataFrame) -> Profile | None:
    """Describe a data set.

    Args:
        manifest: What `data.survey.survey` returns.

    Returns:
        Its profile; None when no image of a class is usable.
    """
    usable = manifest[~manifest["quarantined"]]
    if usable["label"].isna().all():
        return None
    kinds = Counter(kind for defects in manifest["defects"] for kind in defects)
    images = usable.groupby("label").size()
    return Profile(
        images=len(manifest),
        classes={str(label): int(count) for label, count in images.items()},
        size=_histogram(area(usable)),
        intensity=_histogram(usable["mean"].to_numpy(np.float64)),
        defects={kind: kinds[kind] for kind in Severities.model_fields},
    )


def area(rows: pd.DataFrame) -> Floats:
    """Measure images.

    Args:
        rows: Rows of a manifest, each with width and height.

    Returns:
        float64 [N], square pixels.
    """
    return np.asarray(rows["width"].to_numpy(np.float64) * rows["height"].to_numpy(np.float64))


def count(values: Floats, edges: tuple[float, ...]) -> tuple[int, ...]:
    """Count values between edges.

    Args:
        values: float64 [N].
        edges: Inner edges, rising.

    Returns:
        One count more than there are edges; a value on an edge counts below it.
    """
    bins = np.searchsorted(np.asarray(edges, np.float64), values.round(DIGITS), side="left")
    return tuple(int(found) for found in np.bincount(bins, minlength=len(edges) + 1))


def _histogram(values: Floats) -> Histogram:
    # A real value of the data, not one between two: where most images are alike, their value is an edge.
    deciles = np.quantile(values, DECILES, method="inverted_cdf").round(DIGITS)
    edges = tuple(float(edge) for edge in np.unique(deciles))
    return Histogram(edges=edges, counts=count(values, edges))
