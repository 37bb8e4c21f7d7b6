"""How fast is what surrounds the network? Four comparisons, side by side, each with its bound.

Training with augmentation beside the same model fed from arrays in memory; from a finished scan to the first
step of training (`first_step`); the predictor beside its bare graph (`bundle_latency`); `evaluate` beside
bare decoding and inference (`evaluation`). Whatever is compared is measured by turns, so that a change of the
machine's speed meets both sides. Prints medians with least and most, the bounds, and the machine.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks import figures, machine
from scanops import config, imaging
from scanops.data import layout, phantom
from scanops.errors import ImageError
from scanops.model_rules import Training
from scanops.training import architectures, classifier, dataset, fit, pixels

OTHERS = ("first_step", "bundle_latency", "evaluation")
LEAST = 0.9


def main() -> None:
    """Print the comparisons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=15, help="epochs of each, after one to warm up")
    parser.add_argument("--quick", action="store_true", help="few pictures, rounds and networks")
    parser.add_argument("--only", choices=("feed", *OTHERS), help="one of the comparisons")
    options = parser.parse_args()
    images, rounds = (96, 3) if options.quick else (options.images, options.rounds)
    if options.only in (None, "feed"):
        feed(images, rounds, ("cnn_small",) if options.quick else ("cnn_small", "mobilenet"))
    for name in OTHERS:
        if options.only in (None, name):
            words = [sys.executable, "-m", f"benchmarks.{name}", *(["--quick"] if options.quick else [])]
            if code := subprocess.run(words, check=False).returncode:
                sys.exit(f"benchmarks.{name} ended with {code}")
    print(f"Keras {keras.__version__}; {machine.describe()}")


def feed(count: int, rounds: int, names: tuple[str, ...]) -> None:
    """Compare training from files' pixels, augmented, with training from arrays that are ready.

    Args:
        count: Pictures.
        rounds: Epochs of each.
        names: Architectures.
    """
    params = config.load()
    fit.make_reproducible(params.training.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "raw"
        phantom.generate(root, images=count, seed=1)
        found = layout.classify(layout.find(root)).placed
        places = [place for place in found if _readable(root, place.path)]
        targets = np.unique([place.label for place in places], return_inverse=True)[1].astype(np.int64)
        for name in names:
            knobs = params.training.model_copy(update={"architecture": name, "weights": "none"})
            form = imaging.InputForm(architectures.input_size_px(knobs, None))
            with pixels.decoded(root, [place.path for place in places], form) as images:
                _compare(dataset.Part(images, targets), knobs, rounds)


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


def _compare(part: dataset.Part, params: Training, rounds: int) -> None:
    side_px, rules = part.pixels.shape[1], config.load().augmentation
    model = classifier.build(params, int(part.targets.max()) + 1, side_px)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    moves = rules.model_copy(update={"brightness_fraction": 0.0, "contrast_fraction": 0.0, "noise_std": 0.0})
    in_memory = tf.data.Dataset.from_tensor_slices((np.array(part.pixels), part.targets))
    feeds = {
        "augmented": dataset.training_batches(part, params.batch_size, 1, rules),
        # Of all that augmentation does, the one operation of TensorFlow that moves pixels.
        "moved alone": dataset.training_batches(part, params.batch_size, 1, moves),
        "plain": dataset.training_batches(part, params.batch_size, 1, None),
        "in memory": in_memory.shuffle(len(part.targets), seed=1).batch(params.batch_size).prefetch(2),
    }
    watches = {name: _Watch() for name in feeds}
    for _ in range(rounds + 1):
        for name, batches in feeds.items():
            model.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[watches[name]])
    # The first epoch of each traces and warms up.
    seconds = {name: watch.seconds[1:] for name, watch in watches.items()}
    print(f"training {params.architecture} on {len(part.targets)} images of {side_px} px, {rounds} epochs:")
    for name, times in seconds.items():
        print(figures.line(f"  {name}, images/s", [len(part.targets) / taken for taken in times]))
    for name, least in (("augmented", LEAST), ("moved alone", None), ("plain", None)):
        print(
            figures.line(
                f"  {name} / in memory", figures.ratios(seconds["in memory"], seconds[name]), least=least
            )
        )


def _readable(root: Path, path: str) -> bool:
    try:
        imaging.read(root, path)
    except ImageError:
        return False
    return True


if __name__ == "__main__":
    main()
