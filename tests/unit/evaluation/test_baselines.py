"""The baselines: each finds the shortcut that it is there to find."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scanops.evaluation import baselines, gate, thumbnails
from scanops.evaluation.cohort import Cohort


def test_majority_is_the_commonest_training_class() -> None:
    """The answer comes from the training labels; the first class wins a tie."""
    assert baselines.majority(np.array([0, 1, 1]), 2).tolist() == [1, 1]
    assert baselines.majority(np.array([1, 0]), 1).tolist() == [0]


def test_size_alone_gives_a_leak_away() -> None:
    """When a class was exported at its own size, the tree finds it, and in other test images too."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    sides = np.stack([np.where(labels == 1, 512, 256) + rng.integers(-9, 9, 200), np.full(200, 300)], 1)
    answers = baselines.image_size(sides[:100], labels[:100], sides[100:], seed=7)
    assert (answers == labels[100:]).mean() > 0.98


def test_size_knows_nothing_where_all_are_alike() -> None:
    """With one size for all, every answer is the same class."""
    sides = np.full((30, 2), 224)
    assert len(set(baselines.image_size(sides, np.arange(30) % 3, sides, seed=0))) == 1


def test_the_nearest_picture_is_found_in_any_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiling changes no answer: it equals the plain search, ties going to the first."""
    monkeypatch.setattr(baselines, "TEST_TILE", 7)
    monkeypatch.setattr(baselines, "TRAIN_TILE", 5)
    rng = np.random.default_rng(1)
    train, test = rng.integers(0, 3, (43, 6)).astype(np.uint8), rng.integers(0, 3, (31, 6)).astype(np.uint8)
    plain = np.square(test[:, None].astype(int) - train[None].astype(int)).sum(-1).argmin(1)
    assert baselines.nearest_neighbour(train, np.arange(43), test).tolist() == plain.tolist()


def test_a_copied_test_picture_is_recognised() -> None:
    """A picture that is in the training set as well gets that copy's label."""
    rng = np.random.default_rng(2)
    train = rng.integers(0, 256, (20, 64)).astype(np.uint8)
    assert baselines.nearest_neighbour(train, np.arange(20), train[[4, 17]]).tolist() == [4, 17]


def test_thumbnails_are_grey_and_small() -> None:
    """White stays 255, black stays 0, and green counts most."""
    white, green, red = (np.zeros((40, 40, 3), np.uint8) for _ in range(3))
    white[:], green[..., 1], red[..., 0] = 255, 200, 200
    small = thumbnails.shrink(np.stack([white, green, red]), 8)
    assert small[0].tolist() == [255] * 64
    assert small[1][0] > small[2][0] > 0
    assert small[0].dtype == np.uint8


def test_the_gate_knows_every_baseline() -> None:
    """The baselines that the gate asks for are those that are measured."""
    rows = pd.DataFrame({"width": [10, 20], "height": [10, 10]})
    cohort = Cohort(rows, np.array([0, 1]))
    thumbnails = np.array([[0, 0], [9, 9]], np.uint8)
    assert tuple(baselines.answers(cohort, thumbnails, cohort, thumbnails, seed=0)) == gate.BASELINES
