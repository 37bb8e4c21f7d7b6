"""Pictures that are no head scans: noise, text, gradients, textures, other parts of the body.

None of them is ever trained on, and no threshold is chosen by them: `evaluate` shows them to the
finished bundle and counts how many it turns away. All are drawn on the spot from a seed.
"""

from __future__ import annotations

import string
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from scanops.data import phantom_organs
from scanops.data.phantom_anatomy import smooth_noise

Floats = npt.NDArray[np.floating]
Shape = tuple[int, int]
SHORTEST_PX, LONGEST_PX = 160, 420
# How steeply the amplitude of a photograph falls with spatial frequency: about 1/f (Field 1987,
# doi:10.1364/JOSAA.4.002379).
SLOPES = (0.8, 1.4)


def draw(kind: str, count: int, seed: int) -> Iterator[Image.Image]:
    """Draw pictures of one kind.

    Args:
        kind: One of `KINDS`.
        count: How many.
        seed: Any non-negative integer; the same gives the same pictures, whatever else is drawn.

    Yields:
        Pictures of mode `L` or `RGB`, with sides between 150 and 420 pixels.
    """
    for number in range(count):
        rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), number])
        yield Image.fromarray(KINDS[kind](rng))


def _shape(rng: np.random.Generator) -> Shape:
    height, width = rng.integers(SHORTEST_PX, LONGEST_PX + 1, 2)
    return int(height), int(width)


def _bytes(levels: Floats) -> npt.NDArray[np.uint8]:
    """Take levels from 0 to 1 to bytes."""
    return np.asarray(np.clip(levels, 0, 1) * 255, np.uint8)


def _stretched(values: Floats) -> Floats:
    """Let values fill 0 to 1."""
    low, high = values.min(), values.max()
    return np.asarray((values - low) / max(high - low, 1e-6))


def _channels(rng: np.random.Generator) -> int:
    """Choose grey or colour, evenly."""
    return int(rng.choice((1, 3)))


def _coloured(layers: list[Floats]) -> npt.NDArray[np.uint8]:
    """Lay out one layer as grey, three as colours."""
    return _bytes(layers[0] if len(layers) == 1 else np.stack(layers, axis=-1))


def _uniform_noise(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    shape = _shape(rng)
    return _coloured([rng.random(shape) for _ in range(_channels(rng))])


def _gaussian_noise(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    shape, mean, spread = _shape(rng), rng.uniform(0.2, 0.8), rng.uniform(0.05, 0.3)
    return _coloured([rng.normal(mean, spread, shape) for _ in range(_channels(rng))])


def _plain(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    shape = _shape(rng)
    return _coloured([np.full(shape, rng.random()) for _ in range(_channels(rng))])


def _text(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Write a page of words, dark on light or light on dark."""
    height, width = _shape(rng)
    dark = rng.random() < 0.7
    paper, ink = (int(rng.integers(200, 256)), int(rng.integers(0, 60)))
    page = Image.new("L", (width, height), paper if dark else ink)
    pen, size = ImageDraw.Draw(page), float(rng.uniform(10, 26))
    font, margin = ImageFont.load_default(size), int(rng.integers(5, 25))
    letters = np.array(list(string.ascii_letters + string.digits))
    for top in range(margin, height - margin, int(size * 1.35)):
        words = ["".join(rng.choice(letters, int(rng.integers(2, 10)))) for _ in range(width // 20)]
        kept = " ".join(words)[: int(rng.uniform(0.6, 1.0) * (width - 2 * margin) / (0.55 * size))]
        pen.text((margin, top), kept, fill=ink if dark else paper, font=font)
    return np.asarray(page)


def _linear_gradient(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    rows, columns = np.mgrid[-1 : 1 : 1j * (shape := _shape(rng))[0], -1 : 1 : 1j * shape[1]]
    bearing = rng.uniform(0, 2 * np.pi)
    along = _stretched(np.cos(bearing) * columns + np.sin(bearing) * rows)
    return _between(along, rng)


def _radial_gradient(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    rows, columns = np.mgrid[-1 : 1 : 1j * (shape := _shape(rng))[0], -1 : 1 : 1j * shape[1]]
    x, y = rng.uniform(-0.5, 0.5, 2)
    return _between(_stretched(np.hypot(columns - x, (rows - y) * rng.uniform(0.6, 1.6))), rng)


def _between(along: Floats, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    ends = [(rng.random(), rng.random()) for _ in range(_channels(rng))]
    # Two greys next to each other would be no gradient.
    ends = ends if len(ends) == 3 else [(0.3 * ends[0][0], 0.6 + 0.4 * ends[0][1])]
    ends = ends if rng.random() < 0.5 else [(end, start) for start, end in ends]
    return _coloured([start + along * (end - start) for start, end in ends])


def _photograph(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw noise with the spectrum of photographs; colours share most of their structure."""
    shape, slope = _shape(rng), rng.uniform(*SLOPES)
    shared, channels = _pink(shape, slope, rng), _channels(rng)
    if channels == 1:
        return _coloured([shared])
    own = rng.uniform(0.2, 0.6)
    return _coloured([_stretched((1 - own) * shared + own * _pink(shape, slope, rng)) for _ in range(3)])


def _pink(shape: Shape, slope: float, rng: np.random.Generator) -> Floats:
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :]
    frequency = np.maximum(np.hypot(rows, columns), 1 / max(shape))
    # Rounded: the last bits of a Fourier transform differ between processors, pictures must not.
    drawn = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) / frequency**slope, shape)
    return np.asarray(np.round(_stretched(drawn), 6))


def _checkerboard(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    height, width = _shape(rng)
    side = int(rng.integers(6, 64))
    squares = (np.arange(height)[:, None] // side + np.arange(width)[None, :] // side) % 2
    one = [(0.25 * rng.random(), 0.7 + 0.3 * rng.random()) for _ in range(_channels(rng))]
    return _coloured([dark + squares * (light - dark) for dark, light in one])


def _clouds(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Add octaves of smooth noise, each half as strong as the one before."""
    shape, cells = _shape(rng), int(rng.integers(2, 6))

    def layer() -> Floats:
        octaves = [smooth_noise(rng, cells * 2**step, shape) / 2**step for step in range(5)]
        return _stretched(np.sum(octaves, axis=0))

    return _coloured([layer() for _ in range(_channels(rng))])


def _organ(name: str) -> Callable[[np.random.Generator], npt.NDArray[np.uint8]]:
    return lambda rng: phantom_organs.draw(name, rng)


KINDS: dict[str, Callable[[np.random.Generator], npt.NDArray[np.uint8]]] = {
    "plain": _plain,
    "uniform_noise": _uniform_noise,
    "gaussian_noise": _gaussian_noise,
    "text": _text,
    "linear_gradient": _linear_gradient,
    "radial_gradient": _radial_gradient,
    "photograph_like": _photograph,
    "checkerboard": _checkerboard,
    "clouds": _clouds,
    **{name: _organ(name) for name in phantom_organs.ORGANS},
}
