"""What `reports/validation.json` says: counts over the manifest, and what the judge found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from scanops import image_paths
from scanops.quality import leakage, shortcuts
from scanops.quality.expectations import Finding, verdict
from scanops.quality.measure import Measure
from scanops.quality.profile import describe
from scanops.quality.shortcuts import Shortcut
from scanops.validation_rules import Severities

LISTED = 100  # files named in a list of the report; the manifest names all


@dataclass(frozen=True)
class Judged:
    """What was found about the data as a whole.

    Attributes:
        findings: What `quality.expectations.judge` returns.
        shortcuts: What `quality.shortcuts.find` returns.
        drift: What `quality.drift.compare` returns; None without accepted data.
    """

    findings: Sequence[Finding] = ()
    shortcuts: Sequence[Shortcut] = ()
    drift: Sequence[Measure] | None = None


def summarise(
    manifest: pd.DataFrame,
    judged: Judged,
    unplaced: Sequence[str] = (),
    dataset: str | None = None,
    near_duplicate_pairs: int = 0,
) -> dict[str, Any]:
    """Sum up the validation.

    Args:
        manifest: What `data.survey.survey` returns.
        judged: What was found.
        unplaced: Files that stand in no class folder.
        dataset: Name of the data set in `params.yaml`; None for a folder outside it.
        near_duplicate_pairs: See `data.survey.Surveyed`.

    Returns:
        The report, with the keys that DESIGN fixes and a few more.
    """
    quarantine = manifest[manifest["quarantined"]]
    profile = describe(manifest)
    return {
        "verdict": verdict(list(judged.findings)),
        "warnings": _warnings(judged),
        "dataset": dataset,
        "images": len(manifest),
        "usable": len(manifest) - len(quarantine),
        "quarantined": len(quarantine),
        "classes": _per_class(manifest),
        **_contents(manifest),
        "unplaced": list(unplaced[:LISTED]),
        "defects": _defects(manifest),
        **_copies(manifest, near_duplicate_pairs),
        "supplied_split_leakage": _leakage(manifest),
        "shortcuts": [shortcuts.shown(shortcut) for shortcut in judged.shortcuts],
        "reference": "none" if judged.drift is None else "accepted",
        "drift": [
            {"measure": m.name, "value": m.value, "threshold": m.threshold, "drifted": m.exceeded}
            for m in judged.drift or ()
        ],
        "expectations": [asdict(finding) for finding in judged.findings],
        "quarantine": quarantine[["path", "reason"]].head(LISTED).to_dict("records"),
        "profile": None if profile is None else profile.model_dump(mode="json"),
    }


def sentence(report: dict[str, Any]) -> str:
    """Say a report's gist in one line.

    Args:
        report: What `summarise` returns.

    Returns:
        One line for the terminal.
    """
    leakage = report["supplied_split_leakage"]
    strong = [found["feature"] for found in report["shortcuts"] if found["strong"]]
    parts = [
        f"validation: {report['verdict']}",
        f"{report['images']} images, {report['quarantined']} quarantined",
        f"{report['duplicate_groups']} groups of duplicates",
        f"{report['label_conflicts']} label conflicts",
    ]
    if leakage["test_images"]:
        nearly = f", {leakage['leaked_nearly']} more nearly" if leakage["leaked_nearly"] else ""
        parts.append(
            f"{leakage['leaked']} of {leakage['test_images']} supplied test images are in training{nearly}"
        )
    if strong:
        parts.append(f"the class can be told from {', '.join(strong)} alone")
    moved = [measure["measure"] for measure in report["drift"] if measure["drifted"]]
    if moved:
        parts.append(f"drift of {', '.join(moved)}")
    return ", ".join(parts)


def _warnings(judged: Judged) -> list[str]:
    """Shortcuts in full; of everything else, what was asked and what was seen instead."""
    told = [shortcuts.sentence(shortcut) for shortcut in judged.shortcuts if shortcut.strong]
    missed = [
        finding
        for finding in judged.findings
        if not finding.success and finding.severity == "warning" and finding.suite != "shortcuts"
    ]
    for finding in missed:
        seen = "" if finding.observed is None else f" (seen: {finding.observed:g})"
        told.append(f"not met: {finding.meaning}{seen}")
    return told


def _per_class(manifest: pd.DataFrame) -> dict[str, dict[str, int]]:
    usable = (~manifest["quarantined"]).groupby(manifest["label"]).sum()
    images = manifest.groupby("label").size()
    return {
        str(label): {"images": int(images[label]), "usable": int(usable[label])} for label in images.index
    }


def _contents(manifest: pd.DataFrame) -> dict[str, Any]:
    return {
        "patients": int(manifest["patient"].nunique()),
        "frames": _frames(manifest),
        "modes": _counts(manifest["mode"]),
        "formats": _counts(manifest["format"]),
    }


def _frames(manifest: pd.DataFrame) -> int:
    """Count the frames of DICOM files; a file that is itself called like one stands in its class's folder."""
    dicom = manifest.loc[manifest["format"] == "DICOM", ["path", "label"]]
    return sum(
        image_paths.file_path(path) != path and PurePosixPath(path).parent.name != label
        for path, label in dicom.itertuples(index=False)
    )


def _counts(values: pd.Series[Any]) -> dict[str, int]:
    return {str(name): int(number) for name, number in values.value_counts().sort_index().items()}


def _defects(manifest: pd.DataFrame) -> dict[str, int]:
    counts = Counter(kind for kinds in manifest["defects"] for kind in kinds)
    return {kind: counts[kind] for kind in Severities.model_fields}


def _copies(manifest: pd.DataFrame, near_duplicate_pairs: int) -> dict[str, Any]:
    pictures = manifest.dropna(subset=["picture"]).groupby("picture")["label"].agg(["size", "nunique"])
    near = pd.Series(["near_duplicate" in kinds for kinds in manifest["defects"]], index=manifest.index)
    return {
        "duplicate_groups": int((pictures["size"] > 1).sum()),
        "near_duplicate_pairs": near_duplicate_pairs,
        "mirrored": int((near & manifest["mirrored"].astype(bool)).sum()),
        "label_conflicts": int((pictures["nunique"] > 1).sum()),
        "label_conflict_pairs": _conflicts(manifest),
    }


def _conflicts(manifest: pd.DataFrame) -> list[dict[str, str]]:
    """Beside the first image of a picture, the first one under each other label."""
    labels = manifest.groupby("picture")["label"].transform("nunique")
    torn = manifest.loc[labels > 1, ["picture", "path", "label"]].drop_duplicates(["picture", "label"])
    first = torn.drop_duplicates("picture").rename(columns={"path": "other", "label": "other_label"})
    pairs = torn[torn.duplicated("picture")].head(LISTED).merge(first, on="picture", how="left")
    return [
        {str(key): str(value) for key, value in pair.items()}
        for pair in pairs.drop(columns="picture").to_dict("records")
    ]


def _leakage(manifest: pd.DataFrame) -> dict[str, int]:
    readable = manifest["pixel_sha256"].notna()
    return {
        "test_images": int((readable & (manifest["supplied_split"] == "test")).sum()),
        "leaked": int(leakage.leaked(manifest).sum()),
        "leaked_nearly": int(leakage.leaked_nearly(manifest).sum()),
    }
