"""Random changes of training images, seeded image by image."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from scanops.model_rules import Augmentation


def augment(images: Any, seeds: Any, rules: Augmentation) -> Any:
    """Change each image of a batch in its own way.

    Args:
        images: uint8 [N, H, W, 3].
        seeds: int64 [2], changes from batch to batch.
        rules: How much of what.

    Returns:
        uint8 [N, H, W, 3]: the network sees the same 256 levels as in production.
    """
    count, size = tf.shape(images)[0], tf.cast(tf.shape(images)[1], tf.float32)
    draws = tf.random.stateless_uniform((7, count), seeds, -1.0, 1.0)
    values = tf.cast(images, tf.float32)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=values,
        transforms=_transforms(draws, size, rules),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    contrast = 1.0 + rules.contrast_fraction * draws[5][:, None, None, None]
    brightness = 255.0 * rules.brightness_fraction * draws[6][:, None, None, None]
    mean = tf.reduce_mean(moved, axis=(1, 2, 3), keepdims=True)
    changed = (moved - mean) * contrast + mean + brightness
    return tf.cast(tf.clip_by_value(tf.round(changed), 0.0, 255.0), tf.uint8)


def _transforms(draws: Any, size: Any, rules: Augmentation) -> Any:
    """Rotate, zoom, shift and mirror about the centre: rows [a b c d e f 0 0], from output to input."""
    angle = draws[0] * (rules.rotation_deg * math.pi / 180)
    zoom = 1.0 + rules.zoom_fraction * draws[1]
    mirrored = tf.logical_and(rules.flip_horizontal, draws[4] > 0)
    flip = tf.where(mirrored, -1.0, 1.0)
    a, b = zoom * tf.cos(angle) * flip, -zoom * tf.sin(angle)
    d, e = zoom * tf.sin(angle) * flip, zoom * tf.cos(angle)
    centre = (size - 1) / 2
    c = centre - a * centre - b * centre + draws[2] * rules.shift_fraction * size
    f = centre - d * centre - e * centre + draws[3] * rules.shift_fraction * size
    zero = tf.zeros_like(a)
    return tf.stack([a, b, c, d, e, f, zero, zero], axis=1)
