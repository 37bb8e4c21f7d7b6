"""Pictures of heads, as far as a crop can tell: a bright ellipse on a dark background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanops.brain_crop import Box
from scanops.imaging import Pixels


@dataclass(frozen=True)
class Head:
    """An ellipse in a picture.

    Attributes:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        x: Centre, as a share of the width.
        y: Centre, as a share of the height.
        across: Half axis, as a share of the width.
        along: Half axis, as a share of the height.
        level: Its darkest grey level.
    """

    width: int = 96
    height: int = 80
    x: float = 0.5
    y: float = 0.5
    across: float = 0.25
    along: float = 0.25
    level: int = 90

    @property
    def inside(self) -> np.ndarray:
        """Where the ellipse is: bool [height, width]."""
        rows, columns = np.mgrid[: self.height, : self.width]
        along = (rows - self.y * self.height) / (self.along * self.height)
        across = (columns - self.x * self.width) / (self.across * self.width)
        return np.asarray(along**2 + across**2 <= 1)

    @property
    def box(self) -> Box:
        """The box that it just fits into."""
        rows, columns = (np.flatnonzero(self.inside.any(axis)) for axis in (1, 0))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    def draw(self, seed: int = 0, background: int = 12) -> Pixels:
        """Draw it, with a gradient inside and noise outside.

        Args:
            seed: Fixes the noise.
            background: Grey levels up to which the noise goes.

        Returns:
            uint8 [height, width, 3].
        """
        noise = np.random.default_rng(seed).integers(0, background + 1, (self.height, self.width))
        gradient = np.linspace(self.level, 255, self.width).round()[None, :]
        grey = np.where(self.inside, gradient, noise).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
