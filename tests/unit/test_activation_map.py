"""A class-activation map is an exact division of a logit among places."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scanops import activation_map
from scanops.activation_map import Head, Pooling

poolings = st.sampled_from(get_args(Pooling))


def head_of(pooling: Pooling, weights: list[list[float]]) -> Head:
    """A head without biases."""
    table = np.array(weights, np.float32)
    return Head(table, np.zeros(table.shape[1], np.float32), pooling)


def test_under_average_pooling_each_place_gives_its_share() -> None:
    """Features times weights over the number of places (Zhou et al. 2016, equation 2)."""
    features = np.array([[[[1, 0], [2, 4]], [[0, 0], [3, -1]]]], np.float32)
    found = activation_map.contributions(features, head_of("average", [[9, 4], [9, 8]]), np.array([1]))
    assert found.tolist() == [[[1.0, 10.0], [0.0, 1.0]]]


def test_under_max_pooling_a_feature_speaks_from_where_it_is_greatest() -> None:
    """Other places give nothing; where a feature is greatest twice, each place gives half."""
    features = np.array([[[[1, 4], [2, 4]], [[0, 0], [1, -1]]]], np.float32)
    found = activation_map.contributions(features, head_of("max", [[3], [5]]), np.array([0]))
    assert found.tolist() == [[[10.0, 16.0], [0.0, 0.0]]]


def test_each_picture_has_the_map_of_its_own_class() -> None:
    """The classes may differ within a batch."""
    features = np.ones((2, 1, 1, 1), np.float32)
    found = activation_map.contributions(features, head_of("average", [[2, -7]]), np.array([1, 0]))
    assert found.ravel().tolist() == [-7.0, 2.0]


@settings(deadline=None)  # a busy machine is no fault
@given(poolings, st.integers(0, 2**32), st.integers(1, 7), st.integers(1, 7), st.integers(1, 9))
def test_a_map_adds_up_to_the_logit(
    pooling: Pooling, seed: int, height: int, width: int, channels: int
) -> None:
    """The sum over places is the logit less the bias, whatever the feature map; the shape is the map's."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(3, height, width, channels)).round(1).astype(np.float32)  # with ties
    weights, biases = rng.normal(size=(channels, 4)), rng.normal(size=4)
    head = Head(weights.astype(np.float32), biases.astype(np.float32), pooling)
    classes = rng.integers(0, 4, 3)
    found = activation_map.contributions(features, head, classes)
    assert found.shape == (3, height, width)
    embedding = features.max((1, 2)) if pooling == "max" else features.mean((1, 2), dtype=np.float64)
    logits = embedding @ head.weights.astype(np.float64) + head.biases
    expected = logits[np.arange(3), classes] - head.biases[classes]
    np.testing.assert_allclose(found.sum((1, 2)), expected, atol=1e-6)


@settings(deadline=None)  # a busy machine is no fault
@given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from([0.0, 1e-30, 1.0, 1e30]))
def test_what_is_shown_is_between_0_and_1(seed: int, side: int, scale: float) -> None:
    """The strongest place is 1, what speaks against is 0, and nothing is not a number."""
    contributed = np.random.default_rng(seed).normal(size=(4, side, side)) * scale
    shares = activation_map.relative(contributed)
    assert shares.shape == contributed.shape
    assert ((shares >= 0) & (shares <= 1)).all()
    assert (shares[contributed <= 0] == 0).all()
    speaks = (contributed > 0).any((1, 2))
    assert shares.max((1, 2)).tolist() == speaks.astype(float).tolist()


@settings(deadline=None)  # a busy machine is no fault
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(8, 40))
def test_an_overlay_keeps_the_picture_where_nothing_speaks(seed: int, places: int, side: int) -> None:
    """Zero leaves every pixel; anything else keeps shape and type, and only lays colour on."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (side, side, 3), np.uint8)
    empty = activation_map.overlay(picture, np.zeros((places, places)))
    np.testing.assert_array_equal(empty, picture)
    drawn = activation_map.overlay(picture, rng.random((places, places)))
    assert (drawn.shape, drawn.dtype) == (picture.shape, np.dtype(np.uint8))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 3), (2, 1), (3, 3)])
def test_colour_is_where_the_evidence_is(row: int, column: int) -> None:
    """One place of four by four colours its sixteenth of the picture most."""
    shares = np.zeros((4, 4))
    shares[row, column] = 1.0
    drawn = activation_map.overlay(np.zeros((32, 32, 3), np.uint8), shares).sum(2, dtype=int)
    found = np.unravel_index(drawn.argmax(), drawn.shape)
    assert (found[0] // 8, found[1] // 8) == (row, column)
    assert drawn[(row * 8 + 16) % 32, (column * 8 + 16) % 32] == 0


@settings(deadline=None)  # a busy machine is no fault
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(8, 40))
def test_a_layer_laid_over_the_picture_is_the_overlay(seed: int, places: int, side: int) -> None:
    """A browser that lays one over the other shows what evaluation draws, up to rounding of its opacity."""
    rng = np.random.default_rng(seed)
    picture, shares = rng.integers(0, 256, (side, side, 3), np.uint8), rng.random((places, places))
    layer = Image.fromarray(activation_map.layer(shares, side))
    assert (layer.mode, layer.size) == ("RGBA", (side, side))
    opaque = Image.fromarray(np.dstack([picture, np.full((side, side), 255, np.uint8)]))
    laid = np.asarray(Image.alpha_composite(opaque, layer).convert("RGB"), int)
    assert np.abs(laid - activation_map.overlay(picture, shares).astype(int)).max() <= 2
