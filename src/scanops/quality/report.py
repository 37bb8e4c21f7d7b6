"""What `reports/validation.json` says: counts over the manifest, and the suite's findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from scanops.config import Severities
from scanops.quality.expectations import Finding, verdict

LISTED = 100  # files named in a list of the report; the manifest names all


def leaked(manifest: pd.DataFrame) -> pd.Series:
    """Find images of the supplied test split whose pixels are in the supplied training split too.

    Args:
        manifest: What `data.manifest.build` returns.

    Returns:
        One truth value a row.
    """
    training = manifest.loc[manifest["supplied_split"] == "train", "pixel_sha256"].dropna()
    tested = manifest["supplied_split"] == "test"
    return tested & manifest["pixel_sha256"].isin(set(training))


def summarise(
    manifest: pd.DataFrame, findings: list[Finding], unplaced: Sequence[str] = ()
) -> dict[str, Any]:
    """Sum up the validation.

    Args:
        manifest: What `data.manifest.build` returns.
        findings: What `quality.expectations.judge` returns.
        unplaced: Files that stand in no class folder.

    Returns:
        The report, with the keys that DESIGN fixes and a few more.
    """
    readable = manifest.dropna(subset=["pixel_sha256"])
    copies = readable.groupby("pixel_sha256")["label"].agg(["size", "nunique"])
    quarantine = manifest[manifest["quarantined"]]
    counts = Counter(kind for kinds in manifest["defects"] for kind in kinds)
    return {
        "verdict": verdict(findings),
        "images": len(manifest),
        "usable": len(manifest) - len(quarantine),
        "quarantined": len(quarantine),
        "classes": _per_class(manifest),
        "unplaced": list(unplaced[:LISTED]),
        "defects": {kind: counts[kind] for kind in Severities.model_fields},
        "duplicate_groups": int((copies["size"] > 1).sum()),
        "label_conflicts": int((copies["nunique"] > 1).sum()),
        "supplied_split_leakage": {
            "test_images": int((readable["supplied_split"] == "test").sum()),
            "leaked": int(leaked(manifest).sum()),
        },
        "expectations": [asdict(finding) for finding in findings],
        "quarantine": quarantine[["path", "reason"]].head(LISTED).to_dict("records"),
    }


def sentence(report: dict[str, Any]) -> str:
    """Say a report's gist in one line.

    Args:
        report: What `summarise` returns.

    Returns:
        One line for the terminal.
    """
    leakage = report["supplied_split_leakage"]
    parts = [
        f"validation: {report['verdict']}",
        f"{report['images']} images, {report['quarantined']} quarantined",
        f"{report['duplicate_groups']} groups of duplicates",
        f"{report['label_conflicts']} label conflicts",
    ]
    if leakage["test_images"]:
        parts.append(f"{leakage['leaked']} of {leakage['test_images']} supplied test images are in training")
    return ", ".join(parts)


def _per_class(manifest: pd.DataFrame) -> dict[str, dict[str, int]]:
    usable = (~manifest["quarantined"]).groupby(manifest["label"]).sum()
    images = manifest.groupby("label").size()
    return {
        str(label): {"images": int(images[label]), "usable": int(usable[label])} for label in images.index
    }
