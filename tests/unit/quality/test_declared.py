"""Expectations of an engineer's own: read before the scan, and refused by name when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanops.errors import ConfigError
from scanops.quality import declared, expectations
from scanops.validation_rules import Validation
from tests.manifests import sound

ROOT = Path(__file__).parents[3]
COLUMNS = list(sound({"a": 1}).columns)


def _read(folder: Path, text: str) -> declared.Declared:
    (folder / "expectations.yaml").write_text(text, encoding="utf-8")
    return declared.read(folder / "expectations.yaml", COLUMNS)


def test_the_committed_file_declares_nothing() -> None:
    """The repository's own file is valid and empty."""
    assert declared.read(ROOT / "expectations.yaml", COLUMNS) == declared.Declared()


def test_the_commented_example_works(tmp_path: Path) -> None:
    """Taking the comment signs off the example gives a valid file."""
    lines = (ROOT / "expectations.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("# images:")
    example = [line.removeprefix("# ") for line in lines[start:] if line.startswith("#")]
    own = _read(tmp_path, "\n".join(example))
    assert [e.severity.value for e in (*own.images, *own.classes)] == ["warning", "critical"]
    assert own.images[0].notes == "at least 99 % of the images are 128 pixels wide or wider"


def test_an_entry_becomes_a_finding(tmp_path: Path) -> None:
    """A declared expectation on a kind of defect and one on a class reach the report."""
    own = _read(
        tmp_path,
        """
        images:
          - {type: expect_column_values_to_be_in_set, column: blank, value_set: [false], severity: warning}
        classes:
          - {type: expect_column_min_to_be_between, column: images, min_value: 10, notes: ten each}
        """,
    )
    manifest = sound({"a": 5, "b": 20}, defects=[["blank"], *[[]] * 24])
    rules = Validation(min_images_per_class=2, max_class_imbalance=9)
    asked = expectations.Asked(declared=own)
    findings = expectations.judge(manifest, rules, tmp_path / "docs", asked)
    missed = [(f.suite, f.column, f.severity, f.observed, f.meaning) for f in findings if not f.success]
    assert missed == [
        ("images", "blank", "warning", 1.0, "declared: expect_column_values_to_be_in_set"),
        ("classes", "images", "critical", 5.0, "ten each"),
    ]


BETWEEN = "type: expect_column_values_to_be_between"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("image: []", r"unknown key 'image' \(did you mean images\?\)"),
        ("images: {a: 1}", "images: holds no list"),
        ("images: [expect_column_values_to_be_between]", r"images\[0\]: has no `type`"),
        ("images: [{type: 7}]", r"images\[0\]: has no `type`"),
        (
            "classes: [{type: expect_colum_min_to_be_between, column: images}]",
            r"classes\[0\] expect_colum_min_to_be_between: is no known type "
            r"\(did you mean expect_column_min_to_be_between\?\)",
        ),
        ("images: [{type: os_system}]", "is no known type"),
        (f"images: [{{{BETWEEN}, column: widht, min_value: 1}}]", r"'widht' \(did you mean width\?\)"),
        (f"images: [{{{BETWEEN}, column: defects, min_value: 1}}]", "unknown column 'defects'"),
        (f"images: [{{{BETWEEN}, column: width, min_vale: 1}}]", r"min_vale: .*did you mean min_value\?"),
        (f"images: [{{{BETWEEN}, column: width}}]", "cannot both be None"),
        (f"images: [{{{BETWEEN}, min_value: 1}}]", "column: field required"),
        (f"images: [{{{BETWEEN}, column: width, min_value: 1, mostly: 2}}]", "mostly: "),
        (f"images: [{{{BETWEEN}, column: width, min_value: 1, severity: info}}]", "the severity 'info'"),
        (
            f"images: [{{{BETWEEN}, column: width, min_value: {{$PARAMETER: least}}}}]",
            r"takes a value from \$PARAMETER 'least', which nothing sets",
        ),
        (
            "classes: [{type: expect_column_values_to_be_in_set, column: label, "
            "value_set: [a, {$PARAMETER: other}]}]",
            r"classes\[0\].*\$PARAMETER 'other'",
        ),
        (f"images: [{{{BETWEEN}, column: width, min_value: 1, id: mine}}]", "has the key `id`"),
        (
            "images: [{type: expect_column_pair_values_to_be_equal, column_A: width, column_B: hight}]",
            r"'hight' \(did you mean height\?\)",
        ),
        (
            "images: [{type: expect_column_quantile_values_to_be_between, column: width, "
            "quantile_ranges: {quantiles: [0.5], value_ranges: [[1, 2]]}}]",
            "cannot be stored",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, fault: str) -> None:
    """A mistake ends with the entry, the fault and a near match, never with a traceback."""
    with pytest.raises(ConfigError, match=fault) as raised:
        _read(tmp_path, text)
    assert "expectations.yaml" in raised.value.subject
    assert raised.value.remedy


@pytest.mark.parametrize("text", ["images: [", "- images"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    """Broken YAML, a bare list and a missing file are mistakes of the file."""
    with pytest.raises(ConfigError):
        _read(tmp_path, text)
    with pytest.raises(ConfigError):
        declared.read(tmp_path / "gone.yaml", COLUMNS)
