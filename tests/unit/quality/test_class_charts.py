"""Charts of sizes and grey levels put each image where it belongs."""

from __future__ import annotations

import re

import pytest

from scanops.quality import bars, class_charts
from tests import manifests


def test_classes_share_one_scale() -> None:
    """A bright class stands right of a dark one, a larger size further out, on the same axes."""
    frame = manifests.sound(
        {"dark": 20, "bright": 20},
        mean=[200.0] * 20 + [20.0] * 20,
        width=[400] * 20 + [100] * 20,
        height=[400] * 20 + [100] * 20,
    )
    bright, dark = class_charts.panels(frame)
    assert (bright.label, dark.label) == ("bright", "dark")
    assert bright.levels == (200.0, 200.0, 200.0)
    assert _places(bright.level_chart, "rect", "x")[0] > _places(dark.level_chart, "rect", "x")[0]
    assert _places(bright.size_chart, "circle", "cx")[0] > _places(dark.size_chart, "circle", "cx")[0]
    assert _places(bright.size_chart, "circle", "cy")[0] < _places(dark.size_chart, "circle", "cy")[0]
    assert re.findall(r">(\d+)<", bright.size_chart) == re.findall(r">(\d+)<", dark.size_chart)


def test_commonest_size_and_its_share() -> None:
    """The table's figures are counted: three of four at one size, and a tie goes to the same one always."""
    frame = manifests.sound({"a": 4}, width=[64, 64, 64, 90])
    (panel,) = class_charts.panels(frame)
    assert (panel.commonest, panel.commonest_share, panel.sizes) == ("64 × 128", 0.75, 2)
    (tie,) = class_charts.panels(manifests.sound({"a": 4}, width=[90, 64, 90, 64]))
    assert tie.commonest == "64 × 128"


def test_unreadable_files_are_left_out_and_classes_capped() -> None:
    """A file without a size is not drawn; of many classes the largest are, by name."""
    frame = manifests.sound({f"c{index:02}": 3 + index for index in range(15)}, mean=None)
    assert class_charts.panels(frame) == []
    frame = manifests.sound({f"c{index:02}": 3 + index for index in range(15)})
    assert [panel.label for panel in class_charts.panels(frame)] == [f"c{index:02}" for index in range(3, 15)]


def test_interval_stands_where_it_says() -> None:
    """Bar, whisker and reference line end at their share of the width."""
    chart = bars.interval(0.5, (0.4, 0.6), 0.25)
    assert _places(chart, "rect", "width") == pytest.approx([bars.WIDTH, bars.WIDTH / 2])
    assert _places(chart, "line", "x1") == pytest.approx([120, 120, 180, 75])
    assert "50.0 %, 95 % interval 40.0 to 60.0 %, majority class 25.0 %" in chart


def test_stacked_parts_add_up() -> None:
    """Each part is as wide as its share, and a single image is still seen."""
    chart = bars.stacked([("train", 600), ("test", 1)], 1000)
    train, test = _places(chart, "rect", "width")
    assert train == pytest.approx(0.6 * bars.WIDTH, abs=1.1)
    assert test == 1
    assert "train 600, test 1" in chart


def _places(chart: str, tag: str, attribute: str) -> list[float]:
    return [float(value) for value in re.findall(rf'<{tag} [^>]*?\b{attribute}="([-\d.]+)"', chart)]
