"""Does the input pipeline keep the network waiting? The same model, fed by it and from arrays in memory.

Both train on the same decoded phantom images without augmentation, in turns, so that a change of the
machine's speed meets both. Prints images a second and the ratio.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks import machine
from scanops import config, imaging
from scanops.data import layout, manifest, phantom
from scanops.data.survey import survey
from scanops.model_rules import Training
from scanops.training import architectures, classifier, dataset, fit, pixels


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=15, help="epochs of each, after one to warm up")
    options = parser.parse_args()
    params = config.load().training
    size_px = architectures.input_size_px(params, None)
    fit.make_reproducible(params.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "raw"
        phantom.generate(root, images=options.images, seed=1)
        placed = layout.classify(layout.find(root)).placed
        readable = manifest.usable(survey(root, placed, config.load().validation))
        with pixels.decoded(root, list(readable["path"]), imaging.InputForm(size_px)) as images:
            targets = np.unique(readable["label"], return_inverse=True)[1].astype(np.int64)
            _compare(images, targets, params, options.rounds)


class _Watch(keras.callbacks.Callback):
    """Times an epoch from its begin to the end of its last step.

    What Keras does after that (now and then half a second, whatever feeds it) is not the feed's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._started = self._ended = 0.0

    def on_epoch_begin(self, _epoch: int, *_more: object, **_named: object) -> None:
        self._started = time.perf_counter()

    def on_train_batch_end(self, _batch: int, *_more: object, **_named: object) -> None:
        self._ended = time.perf_counter()

    def on_epoch_end(self, _epoch: int, *_more: object, **_named: object) -> None:
        self.seconds.append(self._ended - self._started)


def _compare(images: np.ndarray, targets: np.ndarray, params: Training, rounds: int) -> None:
    model = classifier.build(params, int(targets.max()) + 1, images.shape[1])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    in_memory = tf.data.Dataset.from_tensor_slices((np.array(images), targets))
    feeds = {
        "pipeline": dataset.training_batches(dataset.Part(images, targets), params.batch_size, 1, None),
        "in memory": in_memory.shuffle(len(targets), seed=1).batch(params.batch_size).prefetch(2),
    }
    watches = {name: _Watch() for name in feeds}
    for _ in range(rounds + 1):
        for name, feed in feeds.items():
            model.fit(feed, epochs=1, verbose=0, shuffle=False, callbacks=[watches[name]])
    # The first epoch of each traces and warms up.
    seconds = {name: watch.seconds[1:] for name, watch in watches.items()}
    for name, times in seconds.items():
        print(f"{name:10} {len(targets) / statistics.median(times):8.0f} images/s")
    ratios = [b / a for a, b in zip(seconds["pipeline"], seconds["in memory"], strict=True)]
    print(f"pipeline / in memory: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    print(f"{len(targets)} images of {images.shape[1]} px, Keras {keras.__version__}; {machine.describe()}")


if __name__ == "__main__":
    main()
