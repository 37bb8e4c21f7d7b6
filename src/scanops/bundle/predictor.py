"""The one way from a bundle and an image to an answer: evaluation, service and batch all call it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scanops import abstention, imaging, novelty, temperature
from scanops.activation_map import Head
from scanops.bundle import bundle as bundles
from scanops.bundle import byte_products
from scanops.errors import ConfigError

# From 1.29 on, ONNX Runtime reports models and timings to its maker unless this is set before it is
# imported; nothing about a hospital's scans or machines is to leave it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime as ort

Floats = npt.NDArray[np.float32]
OUTPUTS = ("probabilities", "embedding", "features")
# Of the dense layer, the same for every image: what class-activation maps are made with.
HEAD = ("class_weights", "class_biases")
KEPT = tuple(f"{name}_kept" for name in HEAD)  # the stored tensors behind them, copies of the layer's own
# Of one run of the graph on one core: the layers of more no longer fit its cache, and take longer a picture.
PIXELS_A_RUN, IMAGES_A_RUN = 2 * 224 * 224, 8


@dataclass(frozen=True)
class Prediction:
    """Answers for a batch.

    Attributes:
        probabilities: float32 [N, classes], rows add up to 1.
        embedding: float32 [N, D], the input of the dense head.
        features: float32 [N, h, w, D], the last feature map; [N, 0, 0, 0] where it was not asked for.
    """

    probabilities: Floats
    embedding: Floats
    features: Floats


@dataclass(frozen=True)
class Verdict:
    """What a bundle says of a batch, and where it keeps silent.

    Attributes:
        prediction: Its answers, also for pictures that it abstains from.
        novelty: float32 [N], how unlike training each picture is; zeros for a bundle that never abstains.
        why: N reasons to abstain, None where the answer stands.
    """

    prediction: Prediction
    novelty: Floats
    why: list[abstention.Why | None]

    def of(self, row: int) -> Verdict:
        """Give the verdict on one picture of the batch.

        Args:
            row: Its place.

        Returns:
            A verdict of one row.
        """
        given, one = self.prediction, slice(row, row + 1)
        picked = Prediction(given.probabilities[one], given.embedding[one], given.features[one])
        return Verdict(picked, self.novelty[one], [self.why[row]])


class Predictor:
    """A loaded bundle.

    Args:
        folder: The bundle's folder.
        threads: Threads for one inference; 0 lets ONNX Runtime choose. With one, large batches take several
            runs of the graph.

    Attributes:
        folder: As given.
        bundle: What its `bundle.json` says.
        bundle_sha256: Hash of the whole.
        form: What the graph expects of a picture.

    Raises:
        ConfigError: The bundle is missing or damaged.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self.folder, self.bundle = folder, bundles.read(folder)
        self.bundle_sha256 = bundles.hash_bundle(folder)
        self.form = imaging.InputForm(self.bundle.size_px, self.bundle.fit, self.bundle.crop)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        if self.bundle.precision == "int8" and not byte_products.are_exact():
            # A graph in eight bits would answer otherwise than where it was evaluated.
            options.add_session_config_entry("session.x64quantprecision", "1")
        self._session = ort.InferenceSession(
            str(folder / bundles.GRAPH), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        few = min(max(1, round(PIXELS_A_RUN / self.bundle.size_px**2)), IMAGES_A_RUN)
        self._a_run = few if threads == 1 else None
        self._novelty = _read_novelty(folder) if self.bundle.abstention else None

    @cached_property
    def head(self) -> Head | None:
        """What class-activation maps are made with; None for a bundle that is older than they are."""
        given = {value.name for value in self._session.get_outputs()}
        if self.bundle.pooling is None or not given.issuperset(HEAD):
            return None
        side_px = self.bundle.size_px
        blank = np.zeros((1, side_px, side_px, 3), np.uint8)  # ONNX Runtime wants an image all the same
        weights, biases = self._session.run(list(HEAD), {self._input: blank})
        return Head(weights, biases, self.bundle.pooling)

    def prepare(self, data: bytes, subject: str = "image") -> imaging.Pixels:
        """Bring one file to the graph's input.

        Args:
            data: The bytes of an image file.
            subject: What to call it in a message.

        Returns:
            uint8 [size_px, size_px, 3].

        Raises:
            ImageError: The bytes cannot be used.
        """
        return self.fit_input(self.decode(data, subject))

    def decode(self, data: bytes, subject: str = "image") -> imaging.Decoded:
        """Decode one file for the graph's input.

        Args:
            data: The bytes of an image file.
            subject: What to call it in a message.

        Returns:
            What `fit_input` takes.

        Raises:
            ImageError: The bytes cannot be used.
        """
        return imaging.decode(data, subject=subject, form=self.form)

    def fit_input(self, image: imaging.Decoded, tally: imaging.CropTally | None = None) -> imaging.Pixels:
        """Bring a decoded image, or one frame of several, to the graph's input.

        Args:
            image: What `decode` returned, or `imaging.read` for this bundle's `form`.
            tally: Where to count images without a head to crop to.

        Returns:
            uint8 [size_px, size_px, 3].
        """
        return imaging.to_input(image, self.form, tally)

    def predict(self, batch: npt.NDArray[np.uint8], *, maps: bool = True) -> Prediction:
        """Run the graph and calibrate its probabilities.

        Args:
            batch: uint8 [N, size_px, size_px, 3].
            maps: Whether feature maps are wanted.

        Returns:
            The answers, in the batch's order.
        """
        raw = self.run_graph(batch, maps=maps)
        calibrated = temperature.scale(raw.probabilities, self.bundle.temperature)
        return Prediction(calibrated, raw.embedding, raw.features)

    @property
    def limits(self) -> abstention.Limits | None:
        """Beyond which the bundle abstains; None where it answers everything."""
        return self.bundle.abstention.limits if self.bundle.abstention else None

    def answer(self, batch: npt.NDArray[np.uint8], *, maps: bool = False) -> Verdict:
        """Run the graph, and say which pictures the bundle should not be asked about.

        Args:
            batch: uint8 [N, size_px, size_px, 3].
            maps: Whether feature maps are wanted; fetching them takes a twentieth of the graph's own time.

        Returns:
            The answers, in the batch's order.
        """
        given, limits = self.predict(batch, maps=maps), self.limits
        if self._novelty is None or limits is None:
            return Verdict(given, np.zeros(len(batch), np.float32), [None] * len(batch))
        scores = self._novelty.score(batch, given.embedding)
        return Verdict(given, scores, abstention.judge(scores, given.probabilities.max(axis=1), limits))

    def project(self, embedding: Floats, count: int) -> Floats | None:
        """Sum up embeddings in a few numbers, the same ones as long as the bundle is.

        Args:
            embedding: float32 [N, D].
            count: How many numbers a picture.

        Returns:
            float32 [N, count], see `novelty.Cloud.project`; None for a bundle that never abstains.
        """
        return None if self._novelty is None else self._novelty.embedding.project(embedding, count)

    def run_graph(self, batch: npt.NDArray[np.uint8], *, maps: bool = True) -> Prediction:
        """Run the graph alone, for comparison with the model that it came from.

        Args:
            batch: uint8 [N, size_px, size_px, 3].
            maps: Whether feature maps are wanted.

        Returns:
            The answers, in the batch's order; probabilities are not calibrated.
        """
        names, step = list(OUTPUTS if maps else OUTPUTS[:2]), self._a_run or max(1, len(batch))
        runs = [
            self._session.run(names, {self._input: batch[start : start + step]})
            for start in range(0, max(1, len(batch)), step)
        ]
        given = runs[0] if len(runs) == 1 else [np.concatenate(parts) for parts in zip(*runs, strict=True)]
        return Prediction(
            given[0], given[1], given[2] if maps else np.zeros((len(batch), 0, 0, 0), np.float32)
        )


def _read_novelty(folder: Path) -> novelty.Novelty:
    try:
        return novelty.unpack((folder / bundles.NOVELTY).read_bytes())
    except ValueError as error:
        raise ConfigError(
            f"bundle {folder}", f"{bundles.NOVELTY} {error}", "Export it again with `make repro`"
        ) from error
