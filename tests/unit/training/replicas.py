"""Trains a small network on one device and on two of this process, and prints both curves as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import keras
import numpy as np
import tensorflow as tf

from scanops.model_rules import Augmentation, Training
from scanops.training import classifier, dataset, fit
from scanops.training.distributed import SharedEpochs
from scanops.training.group import Group, SharedCheckpoint
from scanops.training.team import Team

RULES = Augmentation(rotation_deg=20, brightness_fraction=0.2, noise_std=5)


def part(count: int) -> dataset.Part:
    """Bright pictures, and twice as many dark ones."""
    targets = np.arange(count) % 3 // 2
    levels = (
        np.random.default_rng(count).integers(0, 90, (count, 32, 32, 1)) + 60 * targets[:, None, None, None]
    )
    return dataset.Part(np.repeat(levels, 3, axis=3).astype(np.uint8), targets)


def train(params: Training, group: Group | None) -> list[dict[str, object]]:
    """Give the learning curve."""
    fit.make_reproducible(params.seed)
    model = classifier.build(params, 2, 32)
    head = model.get_layer("probabilities")
    head.kernel_regularizer = head.kernel.regularizer = keras.regularizers.L2(0.01)
    parts = part(25), part(11)

    def data(share: dataset.Share | None = None) -> dataset.Batches:
        return dataset.prepare(*parts, params, RULES, share)

    if group is None:
        curve = fit.fit(model, data(), params, lambda _: None)
    else:
        kept = SharedCheckpoint(group, None)
        curve = fit.fit(
            model,
            data(),
            params,
            lambda _: None,
            kept,
            lambda model: SharedEpochs(model, group, data, params),
        )
    return [asdict(point) for point in curve]


def main() -> None:
    """Train twice with the parameters that the first argument holds."""
    params = Training(architecture="cnn_small", epochs=3, batch_size=8, **json.loads(sys.argv[1]))
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    both = ["CPU:0", "CPU:1"]
    group = Group(Team(("here:1",), 0, ("worker 0",)), None, lambda: tf.distribute.MirroredStrategy(both))
    print(json.dumps([train(params, None), train(params, group)]))


if __name__ == "__main__":
    main()
