"""What each kind of defect means, for the people who read the report."""

from __future__ import annotations

from dataclasses import dataclass

from scanops.validation_rules import Severities, Validation


@dataclass(frozen=True)
class Term:
    """One kind of defect.

    Attributes:
        kind: Its name in the manifest.
        title: The same in words.
        definition: Continues "an image that …".
        parameters: Keys of the `validation` section that decide it, with their values where known.
        severity: `info`, `quarantine`, `fail`, or None where the rules are not known.
    """

    kind: str
    title: str
    definition: str
    parameters: tuple[str, ...] = ()
    severity: str | None = None


MEANINGS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "undecodable": ("Undecodable", "is no image, is damaged, or cannot be opened", ()),
    "truncated": ("Truncated", "ends before its last pixel", ()),
    "format_mismatch": ("Format mismatch", "is in another format than its name says", ()),
    "too_small": ("Too small", "has a side shorter than the least side", ("min_side_px",)),
    "blank": ("Blank", "has grey levels that hardly vary (standard deviation)", ("blank_std",)),
    "low_contrast": ("Low contrast", "has grey levels that vary little", ("low_contrast_std",)),
    "colour_image": ("Colour image", "has colour channels that differ on average", ("colour_spread",)),
    "exact_duplicate": ("Exact duplicate", "has the bytes of an earlier file (by path)", ()),
    "pixel_duplicate": ("Pixel duplicate", "has the pixels of an earlier file, in other bytes", ()),
    "near_duplicate": (
        "Near duplicate",
        "shows an earlier picture after a change: resized, recompressed, cropped, padded, brighter, mirrored",
        ("near_duplicate_similarity",),
    ),
    "label_conflict": ("Label conflict", "shows a picture that also stands under another label", ()),
    "identifying_metadata": (
        "Identifying metadata",
        "carries fields that may name a person or a place; the report never shows their values",
        (),
    ),
    "unsupported": (
        "Unsupported",
        "has too many pixels or frames, or a file type or compression that is not read",
        ("max_pixels", "max_frames"),
    ),
}


def term(kind: str, rules: Validation | None = None) -> Term:
    """Explain one kind of defect.

    Args:
        kind: A name out of the manifest's `defects`; an unknown one is explained by its name alone.
        rules: The rules in force, for the parameters' values and the severity.

    Returns:
        The term.
    """
    title, definition, names = MEANINGS.get(kind, (kind.replace("_", " ").capitalize(), "", ()))
    if rules is None:
        return Term(kind, title, definition, names)
    parameters = tuple(f"{name} = {_number(getattr(rules, name))}" for name in names)
    return Term(kind, title, definition, parameters, getattr(rules.severity, kind, None))


def terms(rules: Validation | None = None) -> list[Term]:
    """Explain every kind of defect that the rules know.

    Args:
        rules: The rules in force, or None.

    Returns:
        One term a kind, in the order of the rules.
    """
    return [term(kind, rules) for kind in Severities.model_fields]


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
