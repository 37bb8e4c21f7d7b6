"""What is wrong with an image by itself: its facts held against the thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from scanops import imaging
from scanops.data.scan import Facts
from scanops.validation_rules import Validation


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong with one image.

    Attributes:
        kind: A defect kind of the manifest.
        note: What was seen, as the end of a sentence about the image.
    """

    kind: str
    note: str


def judge(facts: Facts, rules: Validation) -> list[Defect]:
    """Judge one image.

    Args:
        facts: What was measured.
        rules: Thresholds.

    Returns:
        Its defects, those that need a comparison with others not among them.
    """
    if facts.fault is not None:
        return [Defect(facts.fault, facts.fault_note or "")]
    return list(_judge_readable(facts, rules))


def _judge_readable(facts: Facts, rules: Validation) -> Iterator[Defect]:
    width, height, std = facts.width or 0, facts.height or 0, facts.std or 0.0
    file_path = imaging.file_path(facts.path)
    if not imaging.named_rightly(file_path, str(facts.format)):
        suffix = PurePosixPath(file_path).suffix or "without a suffix"
        yield Defect("format_mismatch", f"is {facts.format} but named {suffix}")
    if min(width, height) < rules.min_side_px:
        yield Defect("too_small", f"is {width} × {height} px")
    if std < rules.blank_std:
        yield Defect("blank", f"varies by {std:.2f} grey levels")
    elif std < rules.low_contrast_std:
        yield Defect("low_contrast", f"varies by {std:.2f} grey levels")
    if (facts.spread or 0.0) > rules.colour_spread:
        yield Defect("colour_image", f"has channels {facts.spread:.1f} levels apart")
    if facts.identifying:
        yield Defect("identifying_metadata", f"carries {', '.join(facts.identifying)}")
