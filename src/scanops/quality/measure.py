"""One number about the whole data set, and how large it may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """What is measured, and its bound.

    Attributes:
        name: What is measured; unique among the measures that are judged together.
        value: What was measured; finite.
        threshold: The largest value without a warning.
        meaning: What is asked, in plain words.
    """

    name: str
    value: float
    threshold: float
    meaning: str

    @property
    def exceeded(self) -> bool:
        """Whether the value is above its threshold."""
        return self.value > self.threshold
