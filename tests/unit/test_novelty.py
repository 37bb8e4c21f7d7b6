"""The score of what is new, and the file that it travels in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanops import novelty
from scanops.novelty import Cloud, Novelty


def cloud(width: int = 3, axes: int = 2) -> Cloud:
    """Two classes, unit spread, the first axes kept."""
    arrays = (
        np.ones(width),
        np.stack([np.zeros(width), np.full(width, 10.0)]),
        np.eye(width)[:, :axes],
        np.full(axes, 4.0),
        0.25,
        1.0,
    )
    return Cloud(*(np.asarray(array, np.float32) for array in arrays))


def test_distances_are_mahalanobis_to_the_nearest_class() -> None:
    """Along an axis a step counts by its variance, off the axes by the rest's."""
    steps = np.array([[0, 0, 0], [2, 0, 0], [0, 0, 2], [10, 10, 11]], np.float32)
    np.testing.assert_allclose(cloud().distance(steps), [0, 1, 16, 4])


def test_what_is_not_finite_is_infinitely_far() -> None:
    """A diverged embedding is never taken for a familiar one."""
    steps = np.array([[np.nan, 0, 0], [np.inf, 0, 0], [3e38, 0, 0]], np.float32)
    assert np.isinf(cloud().distance(steps)).all()


def test_a_picture_is_placed_along_the_axes() -> None:
    """In standard deviations from the middle of the classes; an axis that the cloud has not is zero."""
    steps = np.array([[5, 5, 5], [7, 5, 9], [5, 1, 5]], np.float32)
    np.testing.assert_allclose(cloud().project(steps, 3), [[0, 0, 0], [1, 0, 0], [0, -2, 0]])


@given(st.integers(1, 6), st.integers(0, 5))
def test_a_file_holds_the_same_values(width: int, axes: int) -> None:
    """Packed and unpacked, every array is as it was; equal values give equal bytes."""
    held = Novelty(cloud(width, min(axes, width - 1)), cloud(4))
    data = novelty.pack(held)
    assert novelty.pack(held) == data
    for one, other in zip(
        (held.embedding, held.looks), (back := novelty.unpack(data)).__dict__.values(), strict=True
    ):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True)), back


@pytest.mark.parametrize("spoil", ["none", "cut", "shape", "nan", "lacking"])
def test_another_file_is_refused(spoil: str) -> None:
    """Bytes that hold no score, arrays that do not fit together, and numbers that are none."""
    bad = {
        "shape": cloud()._replace(spreads=np.ones(3, np.float32)),
        "nan": cloud()._replace(usual=np.float32("nan")),
    }
    data = novelty.pack(Novelty(cloud(), bad.get(spoil, cloud())))
    if spoil == "none":
        data = b"no archive"
    if spoil == "cut":
        data = data[: len(data) // 2]
    if spoil == "lacking":
        data = data.replace(b"looks.usual", b"looks.other")
    with pytest.raises(ValueError, match="holds"):
        novelty.unpack(data)
