"""Head slices drawn from outlines: what a healthy phantom looks like before it is scanned.

Every head is drawn on one square canvas of `CANVAS_PX` pixels that spans [-`EXTENT`, `EXTENT`] in both
axes. Coordinates are (x to the viewer's right, y down); half the height of a head is about 0.9.
The outlines are hand-placed control points, not measurements of any person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

from scanops.data import phantom_outlines as outlines

CANVAS_PX = 256
EXTENT = 1.1
PLANES = ("axial", "coronal", "sagittal")

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Points = Sequence[tuple[float, float]]

_STEP = 2 * EXTENT / CANVAS_PX
_AXIS = (np.arange(CANVAS_PX, dtype=np.float32) + np.float32(0.5)) * np.float32(_STEP) - np.float32(EXTENT)
GRID_X: Plane = np.broadcast_to(_AXIS, (CANVAS_PX, CANVAS_PX))
GRID_Y: Plane = np.broadcast_to(_AXIS[:, None], (CANVAS_PX, CANVAS_PX))


@dataclass(frozen=True)
class Tissue:
    """Signal of each tissue in one T1-weighted slice, where an enhancing lesion is near 0.9."""

    fat: float
    muscle: float
    bone: float
    marrow: float
    fluid: float
    grey: float
    white: float


@dataclass(frozen=True)
class Head:
    """A head slice and the places where a lesion can sit.

    Attributes:
        signal: float32 [CANVAS_PX, CANVAS_PX], about 0 (air) to 1.
        brain: bool of the same shape, True on cerebrum, cerebellum and brainstem.
        depth: float32, distance to the surface of the cerebrum in head units; 0 outside it.
        sella: (x, y) of the pituitary fossa, or of the cistern above it in an axial slice.
        dura: bool of the same shape, True on the surface of the cerebrum where a meningioma can be attached.
        tissue: the signal levels that the slice was drawn with.
    """

    signal: Plane
    brain: Mask
    depth: Plane
    sella: tuple[float, float]
    dura: Mask
    tissue: Tissue


def smooth_noise(rng: np.random.Generator, cells: int, shape: tuple[int, int]) -> Plane:
    """Return float32 noise of `shape` with mean near 0, spread near 1 and `cells` features a side."""
    coarse = rng.standard_normal((cells + 3, cells + 3)).astype(np.float32)
    # The margin is cut off because bicubic interpolation flattens at the border.
    box = (1.5, 1.5, cells + 1.5, cells + 1.5)
    fine = Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC, box=box)
    return np.asarray(fine, dtype=np.float32) * np.float32(1.3)


def fill(points: Points, rng: np.random.Generator, jitter: float = 0.008) -> Mask:
    """Return the inside of a closed smooth curve (Catmull-Rom) through jittered control points."""
    knots = np.asarray(points, dtype=np.float64)
    knots = knots + rng.normal(0.0, jitter, knots.shape)
    before, after, later = np.roll(knots, 1, 0), np.roll(knots, -1, 0), np.roll(knots, -2, 0)
    t = np.linspace(0.0, 1.0, 8, endpoint=False)[:, None, None]
    curve = 0.5 * (
        2 * knots
        + (after - before) * t
        + (2 * before - 5 * knots + 4 * after - later) * t**2
        + (3 * knots - before - 3 * after + later) * t**3
    )
    pixels = (curve.transpose(1, 0, 2).reshape(-1, 2) + EXTENT) / _STEP - 0.5
    canvas = Image.new("1", (CANVAS_PX, CANVAS_PX))
    ImageDraw.Draw(canvas).polygon([(float(x), float(y)) for x, y in pixels], fill=1)
    return np.asarray(canvas, dtype=np.bool_)


def both_sides(half: Points, rng: np.random.Generator, jitter: float = 0.008) -> Mask:
    """Return a paired structure: the outline on the right and, differently jittered, on the left."""
    return fill(half, rng, jitter) | fill([(-x, y) for x, y in half], rng, jitter)


def ellipse(centre: tuple[float, float], radii: tuple[float, float], tilt_rad: float = 0.0) -> Mask:
    """Return the inside of an ellipse with its first radius turned by `tilt_rad`."""
    x, y = GRID_X - centre[0], GRID_Y - centre[1]
    cos, sin = np.cos(tilt_rad), np.sin(tilt_rad)
    inside: Mask = ((x * cos + y * sin) / radii[0]) ** 2 + ((y * cos - x * sin) / radii[1]) ** 2 < 1
    return inside


def distance_inside(mask: Mask) -> Plane:
    """Return the distance from each pixel of `mask` to its outside, in head units; 0 outside."""
    return np.asarray(ndimage.distance_transform_edt(mask), dtype=np.float32) * np.float32(_STEP)


def draw_head(plane: str, rng: np.random.Generator) -> Head:
    """Draw one healthy head.

    Args:
        plane: one of `PLANES`.
        rng: source of every variation of shape and signal.

    Returns:
        The slice, before lesions, pose, coil sensitivity and noise.

    Raises:
        KeyError: `plane` is unknown.
    """
    shape = outlines.HEADS[plane]
    tissue = _draw_tissue(rng)
    head = fill(shape.head, rng, 0.008)
    under_skin = distance_inside(head)
    cerebrum = fill(shape.cerebrum, rng, 0.008) & (under_skin > 0.1)
    hindbrain = np.zeros_like(cerebrum)
    for part in shape.hindbrain:
        hindbrain |= fill(part, rng)
    brain = cerebrum | hindbrain
    depth = distance_inside(cerebrum)
    signal = _draw_wrapping(under_skin, brain, tissue, rng)
    for part, level in shape.face:
        place = fill(part, rng, 0.012) & head & ~brain
        signal[place] = getattr(tissue, level)
    cortex = _draw_cortex(cerebrum, depth, shape.fissures, tissue, rng)
    signal = np.where(cerebrum, cortex, signal)
    _draw_hindbrain(signal, hindbrain & ~cerebrum, shape, tissue, rng)
    _draw_deep_structures(signal, shape, tissue, rng)
    signal *= 1 + 0.03 * smooth_noise(rng, 60, signal.shape) + 0.03 * smooth_noise(rng, 14, signal.shape)
    fade = np.clip((1.04 - GRID_Y) / 0.3, 0, 1) ** 1.5  # the coil loses the neck
    rim = (depth > 0) & (depth < 0.03) & (shape.dura_above > GRID_Y)
    return Head((signal * fade).astype(np.float32), brain, depth, shape.sella, rim, tissue)


def _draw_tissue(rng: np.random.Generator) -> Tissue:
    white = rng.uniform(0.5, 0.62)
    return Tissue(
        fat=rng.uniform(0.6, 0.86),
        muscle=rng.uniform(0.28, 0.4),
        bone=rng.uniform(0.03, 0.08),
        marrow=rng.uniform(0.2, 0.55),
        fluid=rng.uniform(0.09, 0.18),
        grey=white * rng.uniform(0.57, 0.72),
        white=white,
    )


def _draw_wrapping(under_skin: Plane, brain: Mask, tissue: Tissue, rng: np.random.Generator) -> Plane:
    """Draw what surrounds the brain: skin, fat, muscle, the two tables of the skull, outer fluid."""
    head = under_skin > 0
    off_brain = distance_inside(~brain)
    wobble = smooth_noise(rng, 9, head.shape)
    strands = 0.07 * smooth_noise(rng, 14, head.shape) + 0.07 * smooth_noise(rng, 34, head.shape)
    signal = np.where(head, tissue.muscle + strands, np.float32(0.0))
    fat_depth = rng.uniform(0.055, 0.08) + 0.012 * wobble
    signal[head & (under_skin < fat_depth)] = tissue.fat
    signal[head & (under_skin < 0.016)] = tissue.muscle * 1.25
    skull = rng.uniform(0.07, 0.1) + 0.012 * wobble
    gap = rng.uniform(0.016, 0.034)
    signal[head & (off_brain < gap + skull)] = tissue.bone
    # Marrow between the two tables fades along the skull, and the gap is fluid, dura and vessels mixed.
    across = np.abs(off_brain - gap - 0.5 * skull) / skull
    diploe = np.clip(1 - across / 0.28, 0, 1) * np.clip(0.6 + 0.6 * np.roll(wobble, 40, 0), 0, 1)
    marrow = head & (under_skin > 0.05) & (off_brain > gap)
    signal = np.where(marrow, np.maximum(signal, diploe * tissue.marrow), signal)
    lining = tissue.fluid * (1 + 0.6 * np.clip(smooth_noise(rng, 26, head.shape), -0.8, 2.5))
    signal = np.where(head & (off_brain < gap), lining, signal)
    return signal.astype(np.float32)


def _draw_cortex(
    cerebrum: Mask, depth: Plane, fissures: Sequence[Points], tissue: Tissue, rng: np.random.Generator
) -> Plane:
    """Fold the cerebrum: sulci are contour lines of noise, grey matter is what lies near fluid.

    The noise is sampled at points pushed outward towards a common radius, which stretches its
    features along the radius: sulci then run mostly from the surface inward, as in a brain.
    """
    cells = int(rng.integers(23, 31))
    noise = smooth_noise(rng, cells, cerebrum.shape)
    radius = np.hypot(GRID_X, GRID_Y + 0.2) + 1e-3
    pull = 0.5 + 0.3 / radius
    at = [((grid * pull) + EXTENT) / _STEP - 0.5 for grid in (GRID_Y + 0.2, GRID_X)]
    folded = ndimage.map_coordinates(noise, at, order=1, mode="mirror")
    slope_y, slope_x = np.gradient(folded, _STEP)
    line = np.abs(folded) / (np.hypot(slope_x, slope_y) + 1.0)
    reach = rng.uniform(0.14, 0.2) + 0.07 * smooth_noise(rng, 8, cerebrum.shape)
    width = rng.uniform(0.006, 0.012) * np.clip(1.5 - depth / 0.16, 0.35, 1.5)
    fluid = ~cerebrum | ((line < width) & (depth < reach))
    for fissure in fissures:
        fluid |= fill(fissure, rng, 0.005)
    near_fluid = distance_inside(~fluid)
    ribbon = rng.uniform(0.032, 0.044) + 0.007 * smooth_noise(rng, 30, cerebrum.shape)
    whiteness = np.clip((near_fluid - ribbon) / 0.02 + 0.5, 0, 1)
    signal = (tissue.grey + whiteness * (tissue.white - tissue.grey)).astype(np.float32)
    signal[fluid] = tissue.fluid
    return signal


def _draw_hindbrain(
    signal: Plane, place: Mask, shape: outlines.HeadShape, tissue: Tissue, rng: np.random.Generator
) -> None:
    """Draw brainstem and cerebellum, whose folia are thin sheets around the white stalk."""
    if not shape.cerebellum:
        return
    signal[place] = 0.92 * tissue.white
    cerebellum = fill(shape.cerebellum, rng) & place
    stalk_x, stalk_y = shape.stalk
    ring = np.hypot(GRID_X - stalk_x, 1.15 * (GRID_Y - stalk_y))
    phase = ring * rng.uniform(130, 165) + 1.4 * smooth_noise(rng, 12, place.shape)
    leaves = tissue.grey * (0.95 + 0.2 * np.sin(phase))
    signal[cerebellum] = leaves[cerebellum]
    bearing = np.arctan2(GRID_Y - stalk_y, GRID_X - stalk_x) + 0.15 * smooth_noise(rng, 9, place.shape)
    tree = (np.cos(bearing * 5) > 0.75 + ring * 1.2) & (ring < 0.24)
    signal[cerebellum & (tree | (ring < 0.06))] = tissue.white


def _draw_deep_structures(
    signal: Plane, shape: outlines.HeadShape, tissue: Tissue, rng: np.random.Generator
) -> None:
    """Draw nuclei, callosum, cisterns and ventricles; ventricles vary in size as they do with age."""
    swell = rng.uniform(0.75, 1.35)
    for part in shape.deep[int(rng.integers(len(shape.deep)))]:
        points = np.asarray(part.points)
        if part.level == "fluid" and part.swells:
            middle = points.mean(axis=0)
            points = middle + (points - middle) * swell
        outline = [(float(x), float(y)) for x, y in points]
        place = both_sides(outline, rng, 0.007) if part.paired else fill(outline, rng, 0.007)
        level = getattr(tissue, part.level)
        signal[place] = level if part.level != "grey" else 0.6 * level + 0.4 * 0.9 * tissue.white
