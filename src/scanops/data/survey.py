"""From a folder to its manifest: what was measured and compared, judged image by image."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from scanops import imaging
from scanops.data import duplicates, manifest
from scanops.data.defects import Defect, judge
from scanops.data.gather import Means, gather
from scanops.data.layout import Placed
from scanops.data.scan import Facts
from scanops.validation_rules import Validation


@dataclass(frozen=True)
class Surveyed:
    """What a folder holds.

    Attributes:
        manifest: One row an image, in the order of the files, with the columns of `manifest.SCHEMA`.
        near_duplicate_pairs: Pairs of pictures that are near duplicates; a row names only the nearest one.
    """

    manifest: pd.DataFrame
    near_duplicate_pairs: int


def survey(
    root: Path, placed: Sequence[Placed], rules: Validation, means: Means | None = None
) -> pd.DataFrame:
    """Make the manifest of a folder: `look` without its counts."""
    return look(root, placed, rules, means).manifest


def look(root: Path, placed: Sequence[Placed], rules: Validation, means: Means | None = None) -> Surveyed:
    """Read every file once, or only the new ones where earlier facts are kept, and compare all pictures.

    Args:
        root: The raw folder.
        placed: Its files, as `layout.classify` sorts them.
        rules: Bounds, thresholds and severities.
        means: How the scan is run; nothing in it changes the result.

    Returns:
        The manifest, and what it does not tell.
    """
    found = gather(root, placed, rules, means)
    by_path = {place.path: place for place in placed}
    places = [by_path[imaging.file_path(one.path, by_path)] for one in found.facts]
    labels = [place.label for place in places]
    patients = [_patient(one, rules.patient_pattern) for one in found.facts]
    links = duplicates.link(found.facts, labels, found.alike)
    faults = [judge(one, rules) + tied.defects for one, tied in zip(found.facts, links, strict=True)]
    measured = [name.name for name in fields(Facts) if name.name in manifest.SCHEMA.names]
    frame = pd.DataFrame({name: [getattr(one, name) for one in found.facts] for name in measured})
    frame["image_id"] = [hashlib.sha256(one.path.encode()).hexdigest()[:16] for one in found.facts]
    frame["label"] = labels
    frame["supplied_split"] = [place.supplied_split for place in places]
    frame["patient"] = patients
    frame["group"] = duplicates.group(links, patients)
    for name in ("picture", "twin", "similarity", "mirrored"):
        frame[name] = [getattr(tied, name) for tied in links]
    frame["defects"] = [[defect.kind for defect in of_one] for of_one in faults]
    reasons = [_reason(of_one, rules) for of_one in faults]
    frame["reason"] = reasons
    frame["quarantined"] = [reason is not None for reason in reasons]
    return Surveyed(frame[list(manifest.SCHEMA.names)], len(found.alike))


def _patient(facts: Facts, pattern: str | None) -> str | None:
    """Read the patient from the path where a pattern finds one there, else take the file's own word."""
    found = re.search(pattern, facts.path) if pattern else None
    return (found["patient"] if found else None) or facts.patient


def _reason(defects: Sequence[Defect], rules: Validation) -> str | None:
    severities = rules.severity.model_dump()
    reasons = [f"{one.kind}: {one.note}" for one in defects if severities[one.kind] != "info"]
    return "; ".join(reasons) or None
