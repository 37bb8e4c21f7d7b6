"""What does the predictor add to its graph? Each architecture's bundle beside a bare session on its file.

One picture a call, decoded already, one thread, all three outputs on both sides; the predictor calibrates
beside. The networks are not trained: their weights change no time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from benchmarks import figures
from scanops import config
from scanops.bundle import bundle as bundles
from scanops.bundle import export
from scanops.bundle.predictor import OUTPUTS, Predictor
from scanops.imaging import Pixels
from scanops.model_rules import SMALLEST_SIDES_PX
from scanops.training import architectures, classifier

MOST = 1.1
ROUND_S, LEAST_CALLS = 0.5, 5
CLASSES = ("a", "b", "c", "d")
SHARED = dict.fromkeys(("model_sha256", "data_sha256", "params_sha256"), "0" * 64)


def main() -> None:
    """Print a line an architecture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="two small networks")
    quick = parser.parse_args().quick
    names = ("cnn_small", "mobilenet") if quick else tuple(set(SMALLEST_SIDES_PX) - {"file"})
    print("latency of the predictor / of its bare graph, one thread, one picture:")
    for name in sorted(names):
        with tempfile.TemporaryDirectory() as folder:
            side_px = write_bundle(Path(folder), name, CLASSES)
            ours, theirs = _measure(Path(folder), side_px, rounds=5 if quick else 15)
        middle = statistics.median(theirs) * 1000.0
        label = f"  {name}, {side_px} px, bare {middle:.2f} ms"
        print(figures.line(label, figures.ratios(ours, theirs), most=MOST), flush=True)


def write_bundle(
    folder: Path, name: str, classes: tuple[str, ...], origins: Mapping[str, str] | None = None
) -> int:
    """Export a network that nobody trained.

    Args:
        folder: An existing folder.
        name: The architecture.
        classes: Their names.
        origins: What it is said to come from, see `scanops.bundle.origin.of`; None: nothing that exists.

    Returns:
        The side of its input, in pixels.
    """
    knobs = config.load().training.model_copy(update={"architecture": name, "weights": "none"})
    side_px = architectures.input_size_px(knobs, None)
    model = classifier.build(knobs, len(classes), side_px)
    description = {"classes": classes, "architecture": name, "size_px": side_px, "fit": "pad"}
    export.write(
        folder, export.convert(model, 17), {**description, **SHARED, **(origins or {}), "temperature": 1.5}
    )
    return side_px


def _measure(folder: Path, side_px: int, rounds: int) -> tuple[list[float], list[float]]:
    """Time both by turns, round after round."""
    predictor, options = Predictor(folder, threads=1), ort.SessionOptions()
    options.intra_op_num_threads = 1
    bare = ort.InferenceSession(str(folder / bundles.GRAPH), options, providers=["CPUExecutionProvider"])
    picture: Pixels = np.random.default_rng(0).integers(0, 256, (1, side_px, side_px, 3), np.uint8)
    sides = (
        lambda: predictor.predict(picture),
        lambda: bare.run(list(OUTPUTS), {"image": picture}),
    )
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for seconds, middle in zip(taken, _alternate(sides), strict=True):
            seconds.append(middle)
    return taken


def _alternate(sides: Sequence[Callable[[], object]]) -> list[float]:
    """Call each by turns for a while; the median of one side's calls heeds no interruption."""
    seconds: list[list[float]] = [[] for _ in sides]
    until = time.perf_counter() + ROUND_S
    while time.perf_counter() < until or len(seconds[0]) < LEAST_CALLS:
        for call, taken in zip(sides, seconds, strict=True):
            started = time.perf_counter()
            call()
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken[1:]) for taken in seconds]


if __name__ == "__main__":
    main()
