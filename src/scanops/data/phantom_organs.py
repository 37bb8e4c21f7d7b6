"""Slices of other parts of the body, drawn like the phantom's heads and taken by the same scanner.

They show nobody and teach nothing: they are what a model that has learnt from heads should turn away.
Outlines are ellipses on the canvas of `phantom_anatomy`; signals are those of T1-weighted tissue.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from scanops.data.phantom_anatomy import GRID_X, GRID_Y, PLANES, Plane, ellipse, smooth_noise
from scanops.data.phantom_scanner import acquire, choose_protocol

FAT, MUSCLE, BONE, MARROW, FLUID, AIR = 0.75, 0.33, 0.05, 0.62, 0.12, 0.03
LIVER, SPLEEN, KIDNEY, GRISTLE = 0.5, 0.36, 0.42, 0.25


def draw(organ: str, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw and scan one slice.

    Args:
        organ: One of `ORGANS`.
        rng: Source of every variation.

    Returns:
        uint8 [H, W], with both sides between 150 and 420 pixels.
    """
    protocol = choose_protocol(PLANES[int(rng.integers(len(PLANES)))], rng)
    signal = ORGANS[organ](rng)
    texture = 1 + 0.03 * smooth_noise(rng, 60, signal.shape) + 0.04 * smooth_noise(rng, 14, signal.shape)
    return acquire((signal * texture).astype(np.float32), protocol, rng)


class _Body:
    """A canvas that ellipses are laid on, each a little different every time."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.signal: Plane = np.zeros_like(GRID_X)

    def lay(self, x: float, y: float, across: float, along: float, level: float, tilt: float = 0.0) -> None:
        """Paint an ellipse; places and sizes vary by some per cent."""
        x, y = x + self.rng.normal(0, 0.012), y + self.rng.normal(0, 0.012)
        across, along = (radius * self.rng.uniform(0.9, 1.1) for radius in (across, along))
        place = ellipse((x, y), (across, along), tilt + self.rng.normal(0, 0.05))
        self.signal[place] = level * self.rng.uniform(0.9, 1.1)

    def pair(self, x: float, y: float, across: float, along: float, level: float, tilt: float = 0.0) -> None:
        """Paint an ellipse on either side."""
        self.lay(x, y, across, along, level, tilt)
        self.lay(-x, y, across, along, level, -tilt)


def _chest(rng: np.random.Generator) -> Plane:
    """Cut across the chest: lungs, heart, aorta, a vertebra, ribs."""
    body = _Body(rng)
    body.lay(0, 0, 1.0, 0.68, FAT)
    body.lay(0, 0, 0.93, 0.61, MUSCLE)
    body.pair(0.46, -0.02, 0.36, 0.5, AIR, 0.12)
    body.lay(0.12, -0.14, 0.3, 0.26, 0.4, 0.4)
    body.lay(0.16, -0.16, 0.12, 0.14, FLUID)
    body.lay(0.13, 0.25, 0.08, 0.08, FLUID)
    body.lay(0, 0.42, 0.15, 0.11, MARROW)
    body.lay(0, 0.56, 0.04, 0.09, BONE)
    for bearing in np.linspace(0.3, 2.84, 7):
        x, y = 0.87 * np.cos(bearing), 0.56 * np.sin(bearing)
        for sign in (1, -1):
            body.lay(x, sign * y, 0.05, 0.025, BONE, bearing)
    return body.signal


def _abdomen(rng: np.random.Generator) -> Plane:
    """Cut across the belly: liver, stomach, spleen, kidneys, gut, a vertebra."""
    body = _Body(rng)
    body.lay(0, 0, 1.0, 0.72, FAT)
    body.lay(0, 0.02, 0.88, 0.6, MUSCLE)
    body.lay(0, -0.02, 0.82, 0.53, 0.55)
    body.lay(-0.42, -0.12, 0.42, 0.38, LIVER, 0.3)
    body.lay(0.38, -0.24, 0.24, 0.17, FLUID, -0.4)
    body.lay(0.62, 0.1, 0.15, 0.22, SPLEEN, 0.3)
    body.pair(0.36, 0.32, 0.12, 0.16, KIDNEY, -0.4)
    body.pair(0.33, 0.32, 0.04, 0.07, FAT, -0.4)
    for _ in range(int(rng.integers(4, 9))):
        body.lay(rng.uniform(-0.1, 0.5), rng.uniform(-0.2, 0.15), 0.07, 0.06, rng.uniform(0.1, 0.45))
    body.lay(0.06, 0.2, 0.06, 0.06, FLUID)
    body.lay(0, 0.36, 0.17, 0.13, MARROW)
    body.lay(0, 0.52, 0.06, 0.05, FLUID)
    return body.signal


def _knee(rng: np.random.Generator) -> Plane:
    """Cut lengthwise through the knee: thigh bone, shin bone, kneecap, cartilage, fat pad."""
    body = _Body(rng)
    outline = 0.42 + 0.07 * np.cos(GRID_Y * 2.4) + 0.03 * smooth_noise(rng, 4, GRID_X.shape)
    lean = GRID_X - rng.normal(0, 0.06) * GRID_Y
    body.signal[np.abs(lean) < outline] = FAT
    body.signal[np.abs(lean) < outline - 0.07] = MUSCLE
    shaft = np.abs(lean - 0.03) < rng.uniform(0.16, 0.2)
    for level, rim in ((BONE, 0.0), (MARROW, 0.02)):
        inner = shaft & (np.abs(lean - 0.03) < 0.18 - rim)
        body.signal[inner & (GRID_Y < -0.3)] = level
        body.signal[inner & (GRID_Y > 0.4)] = level
        body.lay(0.03, -0.2, 0.29 - rim, 0.24 - rim, level)
        body.lay(0.03, 0.36, 0.29 - rim, 0.18 - rim, level)
        body.lay(-0.38, -0.22, 0.08 - rim, 0.15 - rim, level)
    body.lay(0.03, 0.07, 0.27, 0.035, GRISTLE)
    body.lay(-0.27, 0.12, 0.07, 0.13, FAT, 0.3)
    return body.signal


def _hand(rng: np.random.Generator) -> Plane:
    """Lay a hand flat: a palm, four fingers and a thumb with their bones."""
    body = _Body(rng)
    spread = rng.uniform(0.08, 0.2)
    bearings = [(-1.5 + number) * spread for number in range(4)]
    rays = [(bearing, -0.27 + 0.18 * number, 0.3) for number, bearing in enumerate(bearings)]
    for width, level in ((0.09, FAT), (0.07, MUSCLE), (0.04, MARROW)):
        body.lay(0, 0.45, width * 4.4, width * 5.0, level if level != MARROW else MUSCLE)
        body.lay(-0.5, 0.28, width, 0.4, level, -0.7)
        for bearing, x, y in rays:
            for joint in range(4):
                far = 0.28 * joint
                at = x + far * np.sin(bearing), y - far * np.cos(bearing)
                body.lay(*at, width, 0.17 if level != MARROW else 0.11, level, bearing)
    return body.signal


ORGANS: dict[str, Callable[[np.random.Generator], Plane]] = {
    "chest": _chest,
    "abdomen": _abdomen,
    "knee": _knee,
    "hand": _hand,
}
