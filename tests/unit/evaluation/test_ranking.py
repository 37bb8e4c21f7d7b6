"""The order of the scores: its measures agree with scikit-learn, and weights mean repetition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from scanops.evaluation import metrics, ranking
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


def areas(labels: Integers, probabilities: Probabilities, weights: Integers | None = None) -> Floats:
    """AUROC, average precision and sensitivity of each class, [K, 3], under one weighting."""
    rows = None if weights is None else weights[None]
    return np.array(
        [
            [ranking.auroc(one)[0], ranking.average_precision(one)[0], ranking.sensitivity(one, 0.8)[0]]
            for one in ranking.rank(labels, probabilities, rows)
        ]
    )


@given(answers())
def test_weights_mean_repetition(given_answers: Answers) -> None:
    """A weight of n gives what n copies of the image give; 0 leaves it out."""
    labels, probabilities, weights = given_answers
    if not weights.any():
        weights[0] = 1
    copies = np.repeat(np.arange(len(labels)), weights)
    np.testing.assert_allclose(
        areas(labels, probabilities, weights), areas(labels[copies], probabilities[copies]), atol=1e-12
    )


@given(answers())
def test_many_weightings_equal_one_at_a_time(given_answers: Answers) -> None:
    """The columns of a ranking are independent."""
    labels, probabilities, weights = given_answers
    both = np.stack([weights, np.ones_like(weights)])
    for k, ranked in enumerate(ranking.rank(labels, probabilities, both)):
        apart = [areas(labels, probabilities, row)[k] for row in both]
        together = [
            ranking.auroc(ranked),
            ranking.average_precision(ranked),
            ranking.sensitivity(ranked, 0.8),
        ]
        np.testing.assert_allclose(np.stack(together, axis=1), apart, atol=1e-12)


@given(answers())
def test_the_names_of_classes_do_not_matter(given_answers: Answers) -> None:
    """Renumbering the classes leaves each area with its class."""
    labels, probabilities, weights = given_answers
    classes = probabilities.shape[1]
    backward = probabilities[:, ::-1]
    np.testing.assert_allclose(
        areas(classes - 1 - labels, backward, weights)[::-1],
        areas(labels, probabilities, weights),
    )


@settings(deadline=None)
@given(answers())
def test_agreement_with_scikit_learn(given_answers: Answers) -> None:
    """Weighted AUROC and average precision equal the reference's; without both sides they are undefined."""
    labels, probabilities, weights = given_answers
    weights = weights + 1
    for k, found in enumerate(areas(labels, probabilities, weights)):
        if not 0 < (labels == k).sum() < len(labels):
            assert np.isnan(found).all()
            continue
        wanted = [
            score(labels == k, probabilities[:, k], sample_weight=weights)
            for score in (reference.roc_auc_score, reference.average_precision_score)
        ]
        assert found[:2] == pytest.approx(wanted)


@settings(deadline=None)
@given(answers(), st.sampled_from([0.5, 0.8, 0.9, 1.0]))
def test_sensitivity_is_a_point_of_the_roc_curve(given_answers: Answers, specificity: float) -> None:
    """It is the highest true positive rate whose false positive rate spares the share asked for."""
    labels, probabilities, _ = given_answers
    found = [ranking.sensitivity(one, specificity)[0] for one in ranking.rank(labels, probabilities)]
    for k, value in enumerate(found):
        if 0 < (labels == k).sum() < len(labels):
            fpr, tpr, _ = reference.roc_curve(labels != k, -probabilities[:, k], drop_intermediate=False)
            assert value == pytest.approx(tpr[fpr <= 1 - specificity + 1e-9].max())


def test_macro_auroc_is_scikit_learns_one_vs_rest() -> None:
    """With all classes present the mean equals roc_auc_score(multi_class='ovr')."""
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), 200)
    labels = np.array([rng.choice(4, p=row) for row in probabilities])
    expected = reference.roc_auc_score(labels, probabilities, multi_class="ovr")
    found = areas(labels, probabilities.astype(np.float32))[:, 0]
    assert metrics.macro(found) == pytest.approx(expected)


def test_without_any_image_nothing_is_defined() -> None:
    """Weights of zero give NaN, and no warning."""
    labels, probabilities = np.array([0, 1]), np.array([[0.6, 0.4], [0.3, 0.7]], np.float32)
    assert np.isnan(areas(labels, probabilities, np.zeros(2, np.int64))).all()
