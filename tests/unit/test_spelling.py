"""A mistyped name is met with those that are near it."""

from __future__ import annotations

import pytest

from scanops.spelling import near

KNOWN = ("resnet50", "resnet101v2", "mobilenet_v2", "Conv_1")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("resnet5", "resnet50"),
        ("ResNet50", "resnet50"),
        ("MobileNetV2", "mobilenet_v2"),
        ("conv_1", "Conv_1"),
    ],
)
def test_near_names_are_offered(written: str, meant: str) -> None:
    """A slip, another case or a missing underscore still leads to the name, as it is written right."""
    assert f"did you mean {meant}" in near(written, KNOWN)


def test_nothing_near_says_nothing() -> None:
    """A name that resembles none gets no guess."""
    assert near("transformer", KNOWN) == ""
