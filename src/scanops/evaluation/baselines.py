"""What a model must beat: three classifiers that have learnt no medicine.

A model that is hardly better than the image's size, or than the nearest training picture, has
found a shortcut or a leak. All three are fitted on the training images and answer for the same
test images as the model.
"""

from __future__ import annotations

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from scanops import imaging
from scanops.evaluation.cohort import Cohort
from scanops.evaluation.metrics import Floats, Integers

# Sides of one tile of the distance matrix: bounded memory for any number of images.
TEST_TILE, TRAIN_TILE = 512, 4096


def answers(
    train: Cohort, train_thumbnails: imaging.Pixels, test: Cohort, test_thumbnails: imaging.Pixels, seed: int
) -> dict[str, Integers]:
    """Fit every baseline on the training images and ask it about the test images.

    Args:
        train: M images.
        train_thumbnails: uint8 [M, S] from `thumbnails.shrink`.
        test: N images.
        test_thumbnails: uint8 [N, S].
        seed: Seed of the decision tree.

    Returns:
        int64 [N] a name of `gate.BASELINES`.
    """
    return {
        "majority": majority(train.targets, len(test.targets)),
        "image_size": image_size(train.sides, train.targets, test.sides, seed),
        "nearest_neighbour": nearest_neighbour(train_thumbnails, train.targets, test_thumbnails),
    }


def majority(train_labels: Integers, test_images: int) -> Integers:
    """Answer with the commonest training class; the first one when several are.

    Args:
        train_labels: int64 [M], at least one.
        test_images: Number of answers, N.

    Returns:
        int64 [N].
    """
    return np.full(test_images, np.bincount(train_labels).argmax(), np.int64)


def image_size(train_sides: Integers, train_labels: Integers, test_sides: Integers, seed: int) -> Integers:
    """Answer from width, height and aspect alone, by a small decision tree.

    Classes weigh the same in the tree, since the yardstick is balanced accuracy.

    Args:
        train_sides: int64 [M, 2], width and height in pixels.
        train_labels: int64 [M].
        test_sides: int64 [N, 2], width and height in pixels.
        seed: Breaks ties between splits of equal merit.

    Returns:
        int64 [N].
    """
    tree = DecisionTreeClassifier(
        max_depth=6, min_samples_leaf=3, class_weight="balanced", random_state=seed % 2**32
    )
    tree.fit(_shape_features(train_sides), train_labels)
    return np.asarray(tree.predict(_shape_features(test_sides)), np.int64)


def nearest_neighbour(train: imaging.Pixels, train_labels: Integers, test: imaging.Pixels) -> Integers:
    """Answer with the class of the training thumbnail at the smallest Euclidean distance.

    Args:
        train: uint8 [M, S] thumbnails from `thumbnails.shrink`.
        train_labels: int64 [M].
        test: uint8 [N, S] thumbnails.

    Returns:
        int64 [N]; the first training image wins a tie.
    """
    return np.concatenate(
        [
            train_labels[_nearest(train, test[start : start + TEST_TILE])]
            for start in range(0, len(test), TEST_TILE)
        ]
    )


def _shape_features(sides: Integers) -> Floats:
    return np.column_stack([sides, sides[:, 0] / sides[:, 1]]).astype(np.float64)


def _nearest(train: imaging.Pixels, test: imaging.Pixels) -> Integers:
    """Find the nearest rows; float64 holds these whole numbers exactly, so ties are real ties."""
    queries = test.astype(np.float64)
    best = np.full(len(test), np.inf)
    index = np.zeros(len(test), np.int64)
    for start in range(0, len(train), TRAIN_TILE):
        tile = train[start : start + TRAIN_TILE].astype(np.float64)
        # |q - t|² without |q|², which is the same for every t.
        distance = np.square(tile).sum(1) - 2.0 * (queries @ tile.T)
        closest = distance.argmin(1)
        found = distance[np.arange(len(test)), closest]
        nearer = found < best
        best[nearer], index[nearer] = found[nearer], start + closest[nearer]
    return index
