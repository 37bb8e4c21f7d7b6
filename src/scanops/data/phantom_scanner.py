"""The phantom's scanner: how a drawn head becomes an image of some size, pose, contrast and noise."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from scanops.data.phantom_anatomy import CANVAS_PX, EXTENT, smooth_noise

SHORTEST_PX, LONGEST_PX = 150, 420  # of either side of an image
_NARROWEST = 0.84  # short side over long side; a head still fits


@dataclass(frozen=True)
class Protocol:
    """How one slice is taken; drawn without sight of the class, so that nothing here tells it."""

    height_px: int
    width_px: int
    turn_rad: float
    zoom: float
    shift: tuple[float, float]
    stretch: float
    blur_px: float
    noise_sigma: float
    gamma: float
    white_point: float


def choose_protocol(plane: str, rng: np.random.Generator) -> Protocol:
    """Draw size, pose, contrast and noise of one acquisition; `plane` settles which side may be cut."""
    long_px = int(rng.integers(round(SHORTEST_PX / _NARROWEST) + 1, LONGEST_PX + 1))
    short_px = long_px if rng.random() < 0.55 else int(long_px * rng.uniform(_NARROWEST, 0.98))
    height, width = (short_px, long_px) if plane == "sagittal" else (long_px, short_px)
    return Protocol(
        height_px=height,
        width_px=width,
        turn_rad=float(np.deg2rad(rng.normal(0.0, 6.0))),
        zoom=rng.uniform(0.92, 1.16),
        shift=(rng.normal(0.0, 0.035), rng.normal(0.0, 0.035)),
        stretch=rng.uniform(0.92, 1.08),
        blur_px=rng.uniform(0.6, 0.95),
        noise_sigma=rng.uniform(0.008, 0.035),
        gamma=rng.uniform(0.8, 1.25),
        white_point=rng.uniform(0.85, 1.1),
    )


def acquire(
    signal: npt.NDArray[np.float32], protocol: Protocol, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Scan a drawn head.

    Args:
        signal: float32 [CANVAS_PX, CANVAS_PX], about 0 to 1.
        protocol: size, pose, contrast and noise.
        rng: source of the warp, the coil's sensitivity and the noise.

    Returns:
        uint8 [height_px, width_px], 0 to 255.

    The noise is Rician: the magnitude of a complex signal with Gaussian noise in both channels
    (Gudbjartsson and Patz, "The Rician distribution of noisy MRI data", 1995).
    """
    shape = (protocol.height_px, protocol.width_px)
    blurred = ndimage.gaussian_filter(signal, protocol.blur_px)  # partial volume: a pixel mixes its tissues
    seen = ndimage.map_coordinates(blurred, _sample_points(protocol, rng), order=1, mode="constant")
    coil = np.exp(np.float32(0.16) * smooth_noise(rng, 2, shape))
    seen = np.power(np.clip(seen * coil, 0, None), np.float32(protocol.gamma))
    real = seen + rng.standard_normal(shape, dtype=np.float32) * np.float32(protocol.noise_sigma)
    imaginary = rng.standard_normal(shape, dtype=np.float32) * np.float32(protocol.noise_sigma)
    level = np.hypot(real, imaginary) * np.float32(255 / protocol.white_point)
    image: npt.NDArray[np.uint8] = np.clip(level, 0, 255).astype(np.uint8)
    return image


def _sample_points(protocol: Protocol, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return float32 [2, H, W]: the canvas row and column that each output pixel looks at."""
    height, width = protocol.height_px, protocol.width_px
    long_px = max(height, width)
    y = ((np.arange(height, dtype=np.float32) + 0.5) * 2 - height)[:, None] / long_px / protocol.zoom
    x = ((np.arange(width, dtype=np.float32) + 0.5) * 2 - width)[None, :] / long_px / protocol.zoom
    cos, sin = np.cos(protocol.turn_rad), np.sin(protocol.turn_rad)
    shape = (height, width)
    head_x = (x * cos + y * sin) * protocol.stretch + protocol.shift[0]
    head_y = (y * cos - x * sin) / protocol.stretch + protocol.shift[1]
    head_x = head_x + 0.017 * smooth_noise(rng, 4, shape) + 0.006 * smooth_noise(rng, 10, shape)
    head_y = head_y + 0.017 * smooth_noise(rng, 4, shape) + 0.006 * smooth_noise(rng, 10, shape)
    to_px = np.float32(CANVAS_PX / (2 * EXTENT))
    return np.stack([(head_y + EXTENT) * to_px - 0.5, (head_x + EXTENT) * to_px - 0.5]).astype(np.float32)
