"""Random changes of training images, seeded image by image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from scanops.imaging import Pixels
from scanops.model_rules import Augmentation

# Changed copies of an image in the picture of examples.
VERSIONS = 5
RADIANS = math.pi / 180
# Folded into a batch's seeds, so that its noise is drawn apart from its other changes.
NOISE = 1


def augment(images: Any, seeds: Any, rules: Augmentation, span: Any = None) -> Any:
    """Change each image of a batch in its own way; a function of its arguments alone.

    Args:
        images: uint8 [N, S, S, 3].
        seeds: int64 [2], changes from batch to batch.
        rules: How much of what; a change at zero is left out.
        span: int64 [2]; where these are part of a batch, the place of the first in it, and its length.

    Returns:
        uint8 [N, S, S, 3]: the network sees the same 256 levels as in production. What is moved in from
        outside the image is black; grey images stay grey.
    """
    # New draws go to the end: the ones before keep their values, and trained models theirs.
    count = tf.shape(images, tf.int64)[0]
    first, whole = (0, count) if span is None else (span[0], span[1])
    draws = tf.random.stateless_uniform((9, whole), seeds, -1.0, 1.0)[:, first : first + count]
    values = tf.cast(images, tf.float32)
    if _moves(rules):
        values = _moved(values, draws, rules)
    if rules.brightness_fraction or rules.contrast_fraction:
        values = _shaded(values, draws, rules)
    if rules.noise_std:
        shape = (whole, images.shape[1], images.shape[2], 1)
        noise = tf.random.stateless_normal(shape, tf.random.experimental.stateless_fold_in(seeds, NOISE))
        values += rules.noise_std * noise[first : first + count]
    return tf.cast(tf.clip_by_value(tf.round(values), 0.0, 255.0), tf.uint8)


def examples(
    pixels: Pixels, targets: npt.NDArray[np.int64], seed: int, rules: Augmentation
) -> dict[int, Pixels]:
    """Show what augmentation does: an image of each class, and the same in other versions.

    Args:
        pixels: uint8 [N, S, S, 3], training images.
        targets: int64 [N], index of each image's class.
        seed: Fixes the changes.
        rules: How much of what.

    Returns:
        uint8 [1 + VERSIONS, S, S, 3] a class, the unchanged one first.
    """
    found = {}
    for target, place in zip(*np.unique(targets, return_index=True), strict=True):
        original = np.asarray(pixels[place : place + 1])
        seeds = tf.constant([seed, target], tf.int64)
        changed = augment(tf.constant(np.repeat(original, VERSIONS, axis=0)), seeds, rules)
        found[int(target)] = np.concatenate([original, changed.numpy()])
    return found


def _moves(rules: Augmentation) -> bool:
    amounts = (rules.rotation_deg, rules.shift_fraction, rules.zoom_fraction, rules.shear_deg)
    return rules.flip_horizontal or rules.flip_vertical or any(amounts)


def _moved(values: Any, draws: Any, rules: Augmentation) -> Any:
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=values,
        transforms=_transforms(draws, tf.cast(tf.shape(values)[1], tf.float32), rules),
        output_shape=tf.shape(values)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _shaded(values: Any, draws: Any, rules: Augmentation) -> Any:
    contrast = 1.0 + rules.contrast_fraction * draws[5][:, None, None, None]
    brightness = 255.0 * rules.brightness_fraction * draws[6][:, None, None, None]
    mean = tf.reduce_mean(values, axis=(1, 2, 3), keepdims=True)
    # (values - mean) * contrast + mean + brightness, with two passes over the pixels in place of four.
    return values * contrast + (mean * (1.0 - contrast) + brightness)


def _transforms(draws: Any, size: Any, rules: Augmentation) -> Any:
    """Mirror, shear, rotate, zoom and shift about the centre: rows [a b c d e f 0 0], output to input."""
    angle = draws[0] * (rules.rotation_deg * RADIANS)
    zoom = 1.0 + rules.zoom_fraction * draws[1]
    lean = tf.tan(draws[7] * (rules.shear_deg * RADIANS))
    across = tf.where(tf.logical_and(rules.flip_horizontal, draws[4] > 0), -1.0, 1.0)
    along = tf.where(tf.logical_and(rules.flip_vertical, draws[8] > 0), -1.0, 1.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    a, b = zoom * cos * across, zoom * (cos * lean - sin) * along
    d, e = zoom * sin * across, zoom * (sin * lean + cos) * along
    centre = (size - 1) / 2
    c = centre - a * centre - b * centre + draws[2] * rules.shift_fraction * size
    f = centre - d * centre - e * centre + draws[3] * rules.shift_fraction * size
    zero = tf.zeros_like(a)
    return tf.stack([a, b, c, d, e, f, zero, zero], axis=1)
