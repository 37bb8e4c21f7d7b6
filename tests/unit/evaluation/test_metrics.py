"""The metrics: they agree with scikit-learn, and weights mean repetition."""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from scanops.evaluation import calibration, metrics
from scanops.evaluation.metrics import Floats, Integers, Probabilities

Answers = tuple[Integers, Probabilities, Integers]


@st.composite
def answers(draw: st.DrawFn) -> Answers:
    """Labels, probabilities with many ties, and weights; some classes may be absent."""
    images, classes = draw(st.integers(2, 40)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.integers(1, draw(st.integers(2, 50)), (images, classes)).astype(np.float64)
    probabilities = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    return rng.integers(0, classes, images), probabilities, rng.integers(0, 4, images)


def every(labels: Integers, probabilities: Probabilities, weights: Integers | None = None) -> Floats:
    """Put all metrics into one vector."""
    classes = probabilities.shape[1]
    counts = metrics.confusion(labels, probabilities.argmax(1), classes, weights)
    overall = [
        metrics.accuracy(counts),
        metrics.balanced_accuracy(counts),
        metrics.macro_f1(counts),
        calibration.expected_calibration_error(labels, probabilities, 7, weights),
    ]
    overall += [
        calibration.mean(loss(labels, probabilities), weights)
        for loss in (calibration.brier_loss, calibration.log_loss)
    ]
    ends = (metrics.recall(counts), metrics.precision(counts), metrics.specificity(counts))
    return np.concatenate([overall, *ends])


@given(answers())
def test_weights_mean_repetition(given_answers: Answers) -> None:
    """A weight of n gives what n copies of the image give, for every metric; 0 leaves it out."""
    labels, probabilities, weights = given_answers
    if not weights.any():
        weights[0] = 1
    copies = np.repeat(np.arange(len(labels)), weights)
    np.testing.assert_allclose(
        every(labels, probabilities, weights), every(labels[copies], probabilities[copies]), atol=1e-12
    )


@given(answers(), st.randoms(use_true_random=False))
def test_the_order_of_images_does_not_matter(given_answers: Answers, random: object) -> None:
    """A permutation of the images changes no metric."""
    labels, probabilities, weights = given_answers
    order = np.random.default_rng(len(labels)).permutation(len(labels))
    np.testing.assert_allclose(
        every(labels, probabilities, weights),
        every(labels[order], probabilities[order], weights[order]),
        atol=1e-12,
    )


@given(answers())
def test_many_weightings_equal_one_at_a_time(given_answers: Answers) -> None:
    """Leading axes of the weights are independent."""
    labels, probabilities, weights = given_answers
    both = np.stack([weights, np.ones_like(weights)])
    counts = metrics.confusion(labels, probabilities.argmax(1), probabilities.shape[1], both)
    assert counts.shape == (2, probabilities.shape[1], probabilities.shape[1])
    assert counts.sum(axis=(1, 2)).tolist() == both.sum(axis=1).tolist()


@settings(deadline=None)
@given(answers())
def test_agreement_with_scikit_learn(given_answers: Answers) -> None:
    """Weighted accuracy, balanced accuracy and macro-F1 equal the reference's."""
    labels, probabilities, weights = given_answers
    weights = weights + 1
    predictions, classes = probabilities.argmax(1), probabilities.shape[1]
    counts = metrics.confusion(labels, predictions, classes, weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of predicted classes without images
        expected = [
            reference.accuracy_score(labels, predictions, sample_weight=weights),
            reference.balanced_accuracy_score(labels, predictions, sample_weight=weights),
            reference.f1_score(labels, predictions, average="macro", sample_weight=weights, zero_division=0),
        ]
    actual = [metrics.accuracy(counts), metrics.balanced_accuracy(counts), metrics.macro_f1(counts)]
    np.testing.assert_allclose(actual, expected)


def test_many_are_counted_as_each_would_be_alone() -> None:
    """Several classifiers, or several parts of the images, in one pass: the counts of each."""
    rng = np.random.default_rng(8)
    labels, weights = rng.integers(0, 3, 40), rng.integers(0, 4, (5, 40))
    given, members = list(rng.integers(0, 3, (2, 40))), list(rng.random((4, 40)) < 0.4)
    members[3][:] = False
    for place, counts in enumerate(np.moveaxis(metrics.counter(labels, given, 3)(weights), 1, 0)):
        np.testing.assert_array_equal(counts, metrics.confusion(labels, given[place], 3, weights))
    parts = metrics.counter(labels, given[:1], 3, members)(weights)
    for counts, held in zip(np.moveaxis(parts, 1, 0), members, strict=True):
        alone = metrics.confusion(labels[held], given[0][held], 3, weights[:, held])
        np.testing.assert_array_equal(counts, alone)


def test_specificity_by_hand() -> None:
    """Of the images of other classes, the share that was not taken for this one; none: undefined."""
    counts = metrics.confusion(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0]), 3)
    np.testing.assert_allclose(metrics.specificity(counts), [2 / 3, 2 / 3, 1.0])
    alone = metrics.confusion(np.array([0, 0]), np.array([0, 1]), 2)
    np.testing.assert_array_equal(metrics.specificity(alone), [np.nan, 0.5])


def test_an_absent_class_has_no_recall_and_is_left_out_of_the_mean() -> None:
    """Recall is NaN, not 0 or 1, and balanced accuracy averages the classes that have images."""
    counts = metrics.confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    np.testing.assert_array_equal(metrics.recall(counts), [0.5, 1.0, np.nan])
    assert metrics.balanced_accuracy(counts) == 0.75
    np.testing.assert_array_equal(metrics.precision(counts), [1.0, 0.5, np.nan])


def test_without_any_image_nothing_is_defined() -> None:
    """Weights of zero give NaN, and no warning."""
    labels, probabilities = np.array([0, 1]), np.array([[0.6, 0.4], [0.3, 0.7]], np.float32)
    assert np.isnan(every(labels, probabilities, np.zeros(2, np.int64))).all()
