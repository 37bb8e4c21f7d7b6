"""Lesions drawn into a phantom head: where each kind grows and what it does to the signal."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from scanops.data.phantom_anatomy import GRID_X, GRID_Y, Head, smooth_noise

_Array = npt.NDArray[np.float32]


def add_lesion(kind: str, head: Head, rng: np.random.Generator) -> _Array:
    """Return the signal of `head` with one lesion of `kind`, or unchanged for "no_tumor".

    Args:
        kind: one of the phantom's classes.
        head: the healthy slice; it is not changed.
        rng: source of size, place, outline and brightness.

    Returns:
        float32 [CANVAS_PX, CANVAS_PX], as `Head.signal`.

    Raises:
        KeyError: `kind` is unknown.
    """
    painters: dict[str, Callable[[Head, np.random.Generator], _Array]] = {
        "glioma": _glioma,
        "meningioma": _meningioma,
        "pituitary": _pituitary,
        "no_tumor": lambda same, _: same.signal.copy(),
    }
    return painters[kind](head, rng)


def _blend(signal: _Array, alpha: _Array, level: _Array | float) -> _Array:
    blended: _Array = (signal + alpha * (level - signal)).astype(np.float32)
    return blended


def _edge(inside: _Array, softness: float) -> _Array:
    """Turn a field that is positive inside into an opacity in [0, 1]."""
    opacity: _Array = np.clip(inside / softness + 0.5, 0, 1).astype(np.float32)
    return opacity


def _radius(
    centre: tuple[float, float], rng: np.random.Generator, squash: float, roughness: float, cells: int
) -> _Array:
    """Return a distance from `centre` whose unit circles are turned, squashed and irregular."""
    x, y = GRID_X - centre[0], GRID_Y - centre[1]
    turn = rng.uniform(0, np.pi)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    stretch = rng.uniform(squash, 1.0)
    reach = np.hypot(along * stretch, across / stretch)
    rough: _Array = (reach * (1 + roughness * smooth_noise(rng, cells, reach.shape))).astype(np.float32)
    return rough


def _pick(place: npt.NDArray[np.bool_], rng: np.random.Generator) -> tuple[float, float]:
    row, column = rng.choice(np.argwhere(place))
    return float(GRID_X[row, column]), float(GRID_Y[row, column])


def _glioma(head: Head, rng: np.random.Generator) -> _Array:
    """Grow inside the brain: oedema, a bright irregular ring, a dark necrotic core."""
    size = rng.uniform(0.155, 0.285)
    off_sella = np.hypot(GRID_X - head.sella[0], GRID_Y - head.sella[1])
    centre = _pick((head.depth > 0.11) & (off_sella > 0.2), rng)
    reach = _radius(centre, rng, 0.8, 0.16, 16)
    brain = ndimage.gaussian_filter(head.brain.astype(np.float32), 1.0)
    halo = _radius(centre, rng, 0.75, 0.25, 9)
    swelling = _edge(size * rng.uniform(1.35, 1.8) - halo, 0.06) * brain
    oedema = 0.5 * head.tissue.grey + 0.5 * head.tissue.fluid
    signal = _blend(head.signal, rng.uniform(0.55, 0.85) * swelling, oedema)
    texture = 0.08 * smooth_noise(rng, 30, reach.shape)
    bright = rng.uniform(0.8, 1.0) + texture
    signal = _blend(signal, _edge(size - reach, 0.025) * brain, bright)
    core = size * rng.uniform(0.6, 0.85)
    hollow = _radius(centre, rng, 0.8, 0.2, 14)
    level = head.tissue.fluid + rng.uniform(0.02, 0.12) + texture
    return _blend(signal, _edge(core - hollow, 0.03) * brain * (reach < size), level)


def _meningioma(head: Head, rng: np.random.Generator) -> _Array:
    """Grow from the dura inward: smooth, solid and bright, often wider than deep, with a cleft."""
    size = rng.uniform(0.145, 0.27)
    off_sella = np.hypot(GRID_X - head.sella[0], GRID_Y - head.sella[1])
    centre = _pick(head.dura & (off_sella > 0.28), rng)
    # The mass leans towards the middle of the cerebrum, so that its base lies on the dura.
    inward = np.arctan2(-0.1 - centre[1], -centre[0])
    lean = size * rng.uniform(0.3, 0.75)
    middle = (centre[0] + lean * np.cos(inward), centre[1] + lean * np.sin(inward))
    reach = _radius(middle, rng, 0.85, 0.04, 6)
    room = ndimage.gaussian_filter(
        ndimage.binary_dilation(head.depth > 0, iterations=3).astype(np.float32), 0.8
    )
    signal = _blend(head.signal, 0.8 * _edge(size + 0.02 - reach, 0.02) * room, head.tissue.fluid)
    bright = rng.uniform(0.82, 1.0) + 0.05 * smooth_noise(rng, 18, reach.shape)
    return _blend(signal, _edge(size - reach, 0.02) * room, bright)


def _pituitary(head: Head, rng: np.random.Generator) -> _Array:
    """Grow from the sella upward: a round bright mass on the midline, at times waisted."""
    size = rng.uniform(0.11, 0.19)
    x, y = head.sella
    centre = (x + rng.normal(0, 0.012), y + rng.normal(0, 0.02))
    reach = _radius(centre, rng, 0.88, 0.05, 7)
    upper = (centre[0] + rng.normal(0, 0.02), centre[1] - 0.9 * size)
    reach = np.minimum(reach, _radius(upper, rng, 0.9, 0.05, 7) / rng.uniform(0.4, 0.75))
    signal = _blend(head.signal, 0.7 * _edge(size + 0.02 - reach, 0.02), head.tissue.fluid)
    bright = rng.uniform(0.82, 1.0) + 0.06 * smooth_noise(rng, 24, reach.shape)
    return _blend(signal, _edge(size - reach, 0.02), bright)
