"""The class that means nothing: found by a usual name, or named."""

from __future__ import annotations

import pytest

from scanops.errors import ConfigError
from scanops.evaluation.detection import negative_class


@pytest.mark.parametrize(
    ("classes", "place"),
    [
        (("glioma", "meningioma", "no_tumor", "pituitary"), 2),
        (("glioma", "notumor"), 1),
        (("no", "yes"), 0),
        (("Normal", "Benign", "Malignant"), 0),
        (("left", "right"), None),
        (("normal", "healthy", "ill"), None),
        (("node", "nonetheless"), None),
    ],
)
def test_a_usual_name_is_found(classes: tuple[str, ...], place: int | None) -> None:
    """The names of the public sets are known; none, or two of them, decide nothing."""
    assert negative_class(classes, None) == place


def test_a_given_name_decides() -> None:
    """What the parameters name is taken, and a name that is no class is refused."""
    assert negative_class(("no", "benign"), "benign") == 1
    with pytest.raises(ConfigError, match="begnin: is no class of the bundle") as caught:
        negative_class(("no", "benign"), "begnin")
    assert caught.value.exit_code == 2
