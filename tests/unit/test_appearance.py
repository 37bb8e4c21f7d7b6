"""What a picture looks like, in numbers."""

from __future__ import annotations

import numpy as np
import pytest

from scanops import appearance
from tests.pictures import noise


@pytest.mark.parametrize("side", [16, 30, 64, 75, 224, 299])
def test_any_side_gives_the_same_numbers(side: int) -> None:
    """138 finite numbers, whatever the network's side, the same alone and in a batch."""
    batch = np.stack([noise(seed, side, side) for seed in range(3)])
    found = appearance.describe(batch)
    assert found.shape == (3, 138)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[1:2], appearance.describe(batch[1:2]))


def test_each_number_means_what_it_says() -> None:
    """A grey plane of level 64 under a white first row of parts."""
    picture = np.full((64, 64, 3), 64, np.uint8)
    picture[:8] = 255
    found = appearance.describe(picture[None])[0]
    np.testing.assert_allclose(found[:8], 1)
    np.testing.assert_allclose(found[8:64], np.sqrt(64 / 255), rtol=1e-6)
    np.testing.assert_allclose(found[64:72], np.log1p(191 / 8), rtol=1e-6)  # the step down, once in 8 rows
    assert not found[72:128].any()
    np.testing.assert_allclose(found[128:137], [0, 0, 0, 7 / 8, 7 / 8, 7 / 8, 7 / 8, 7 / 8, 7 / 8])
    assert found[137] == 0


def test_colour_counts() -> None:
    """A tinted scan differs from a grey one by its last number."""
    picture = noise(1, 64, 64)
    tinted = picture.copy()
    tinted[..., 2] //= 2
    grey, other = appearance.describe(np.stack([picture, tinted]))[:, -1]
    assert grey == 0
    assert other > 1
