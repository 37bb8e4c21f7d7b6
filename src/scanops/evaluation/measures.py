"""Everything that is measured of a bundle, as functions of how often each image counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanops import temperature
from scanops.evaluation import calibration, metrics, ranking
from scanops.evaluation.metrics import Floats, Integers, Probabilities, Weights
from scanops.evaluation.slices import Slice

# From weights [B, N] to float64 [B] a name: what `intervals.bootstrap` takes.
Measure = Callable[[Weights], Mapping[str, Floats]]
PER_CLASS = ("recall", "precision", "specificity", "auroc", "average_precision")


@dataclass(frozen=True)
class Answers:
    """What a bundle said of the images of a cohort.

    Attributes:
        labels: int64 [N] in [0, K).
        probabilities: float32 [N, K], rows add up to 1; calibrated, as the bundle gives them.
        groups: [N], what group each image belongs to.
        classes: K names, in order.
        temperature: What the bundle calibrates by; 1 leaves probabilities as they are.
    """

    labels: Integers
    probabilities: Probabilities
    groups: npt.NDArray[np.generic]
    classes: Sequence[str]
    temperature: float = 1.0

    @property
    def predictions(self) -> Integers:
        """int64 [N], the likeliest class."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def uncalibrated(self) -> Probabilities:
        """float32 [N, K], what the graph itself gives."""
        return temperature.scale(self.probabilities, 1.0 / self.temperature)


def together(*parts: Measure) -> Measure:
    """Measure several things under the same weights.

    Args:
        *parts: Measures whose names differ.

    Returns:
        One statistic with all their values.
    """

    def statistic(weights: Weights) -> dict[str, Floats]:
        # Once for all parts: as floats, and an image's weights side by side, as sums over images want them.
        counted = np.asfortranarray(weights, np.float64)
        return {name: value for part in parts for name, value in part(counted).items()}

    return statistic


def of_model(answers: Answers, negative: int | None, specificity: float) -> Measure:
    """Measure right and wrong answers, and the order of the scores.

    Args:
        answers: Of the bundle.
        negative: The class that means "nothing to find", if there is one.
        specificity: Share of that class to spare, see `ranking.sensitivity`.

    Returns:
        The values `accuracy`, `balanced_accuracy`, `macro_f1`, `auroc` and `average_precision` (means
        over classes), `sensitivity` (where there is a negative class), and `<name>.<class's place>`
        for each name of `PER_CLASS`.
    """
    count = metrics.counter(answers.labels, [answers.predictions], len(answers.classes))

    def statistic(weights: Weights) -> dict[str, Floats]:
        counts = count(weights)[:, 0]
        ranked = ranking.rank(answers.labels, answers.probabilities, weights)
        by_class = {
            "recall": metrics.recall(counts),
            "precision": metrics.precision(counts),
            "specificity": metrics.specificity(counts),
            "auroc": np.stack([ranking.auroc(one) for one in ranked], axis=-1),
            "average_precision": np.stack([ranking.average_precision(one) for one in ranked], axis=-1),
        }
        values = {
            "accuracy": metrics.accuracy(counts),
            "balanced_accuracy": metrics.macro(by_class["recall"]),
            "macro_f1": metrics.macro_f1(counts),
            "auroc": metrics.macro(by_class["auroc"]),
            "average_precision": metrics.macro(by_class["average_precision"]),
        }
        if negative is not None:
            values["sensitivity"] = ranking.sensitivity(ranked[negative], specificity)
        return values | {f"{name}.{k}": of[:, k] for name, of in by_class.items() for k in range(of.shape[1])}

    return statistic


def of_confidence(answers: Answers, bins: int) -> Measure:
    """Measure how far the probabilities can be believed, as they ship and as the graph gives them.

    Args:
        answers: Of the bundle.
        bins: Number of calibration bins.

    Returns:
        The values `ece`, `brier` and `nll`, and the same with `before.` in front: uncalibrated.
    """
    labels = answers.labels
    versions = {"": answers.probabilities, "before.": answers.uncalibrated}
    losses = {
        f"{version}{name}": loss(labels, probabilities)
        for version, probabilities in versions.items()
        for name, loss in (("brier", calibration.brier_loss), ("nll", calibration.log_loss))
    }

    def statistic(weights: Weights) -> dict[str, Floats]:
        errors = {
            f"{version}ece": calibration.expected_calibration_error(labels, probabilities, bins, weights)
            for version, probabilities in versions.items()
        }
        return errors | {name: calibration.mean(loss, weights) for name, loss in losses.items()}

    return statistic


def of_rivals(answers: Answers, rivals: Mapping[str, Integers]) -> Measure:
    """Measure other classifiers on the same images, and how far the bundle is ahead of each.

    Args:
        answers: Of the bundle.
        rivals: int64 [N] answers a classifier.

    Returns:
        The values `<rival>.accuracy`, `<rival>.balanced_accuracy` and `<rival>.margin`: the bundle's
        balanced accuracy less the rival's.
    """
    given = [answers.predictions, *rivals.values()]
    count = metrics.counter(answers.labels, given, len(answers.classes))

    def statistic(weights: Weights) -> dict[str, Floats]:
        counts = count(weights)
        accuracy, balanced = metrics.accuracy(counts), metrics.balanced_accuracy(counts)
        values = {}
        for place, name in enumerate(rivals, start=1):
            values[f"{name}.accuracy"] = accuracy[:, place]
            values[f"{name}.balanced_accuracy"] = balanced[:, place]
            values[f"{name}.margin"] = balanced[:, 0] - balanced[:, place]
        return values

    return statistic


def of_slices(answers: Answers, slices: Sequence[Slice]) -> Measure:
    """Measure parts of the cohort.

    Args:
        answers: Of the bundle.
        slices: The parts.

    Returns:
        The values `<trait>.<name>.accuracy` and `<trait>.<name>.balanced_accuracy` of each.
    """
    if not slices:
        return lambda _weights: {}
    members = [part.member for part in slices]
    count = metrics.counter(answers.labels, [answers.predictions], len(answers.classes), members)

    def statistic(weights: Weights) -> dict[str, Floats]:
        counts = count(weights)
        accuracy, balanced = metrics.accuracy(counts), metrics.balanced_accuracy(counts)
        values = {}
        for place, part in enumerate(slices):
            values[f"{part.trait}.{part.name}.accuracy"] = accuracy[:, place]
            values[f"{part.trait}.{part.name}.balanced_accuracy"] = balanced[:, place]
        return values

    return statistic
