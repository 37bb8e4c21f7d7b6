"""Pictures that are no head scans."""

from __future__ import annotations

import numpy as np
import pytest

from scanops.data import strangers


@pytest.mark.parametrize("kind", strangers.KINDS)
def test_each_kind_is_drawn_from_its_seed(kind: str) -> None:
    """The same seed gives the same pictures, however many; another gives others; all are of usual sizes."""
    first, more = (list(strangers.draw(kind, count, 3)) for count in (2, 3))
    for one, other in zip(first, more, strict=False):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
        assert one.mode in {"L", "RGB"}
        assert all(150 <= side <= 420 for side in one.size)
    contents = {picture.tobytes() for picture in (*more, *strangers.draw(kind, 1, 4))}
    assert len(contents) == 4


def test_the_kinds_that_were_asked_for_are_there() -> None:
    """Noise, text, gradients, textures as of photographs, other organs."""
    assert set(strangers.KINDS) >= {
        "uniform_noise",
        "gaussian_noise",
        "text",
        "linear_gradient",
        "radial_gradient",
        "photograph_like",
        "checkerboard",
        "clouds",
        "chest",
        "abdomen",
        "knee",
        "hand",
    }


def test_photographs_have_their_spectrum() -> None:
    """The amplitude falls about as 1 / f: coarse structure outweighs fine by far, in noise it does not."""

    def fall(kind: str) -> float:
        picture = next(strangers.draw(kind, 1, 5)).convert("L").resize((128, 128))
        spectrum = np.abs(np.fft.fft2(np.asarray(picture) - np.mean(np.asarray(picture))))
        return float(spectrum[1:5, 1:5].mean() / spectrum[20:40, 20:40].mean())

    assert fall("photograph_like") > 5
    assert fall("uniform_noise") < 2
