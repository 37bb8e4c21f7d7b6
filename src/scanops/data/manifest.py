"""The spine of the pipeline: one Parquet row a file, on which everything later joins."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pyarrow as pa

from scanops.config import Validation
from scanops.data import duplicates, parquet
from scanops.data.layout import Placed
from scanops.data.scan import Row, scan
from scanops.errors import VerdictError

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("path", pa.string()),
        ("label", pa.string()),
        ("supplied_split", pa.string()),
        ("group", pa.string()),
        ("patient", pa.string()),
        ("sha256", pa.string()),
        ("pixel_sha256", pa.string()),
        ("phash", pa.string()),
        ("bytes", pa.int64()),
        ("format", pa.string()),
        ("mode", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("mean", pa.float64()),
        ("std", pa.float64()),
        ("defects", pa.list_(pa.string())),
        ("quarantined", pa.bool_()),
        ("reason", pa.string()),
    ]
)


def build(
    root: Path,
    placed: Sequence[Placed],
    rules: Validation,
    *,
    workers: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> pd.DataFrame:
    """Read every file once.

    Args:
        root: The raw folder.
        placed: Its files, as `layout.classify` sorts them.
        rules: Bounds, thresholds and severities.
        workers: Processes; None takes the cores there are.
        progress: Called with the number of files scanned since the last call.

    Returns:
        The manifest, in the order of `placed`, with the columns of `SCHEMA`.
    """
    rows = []
    with contextlib.closing(scan(root, [place.path for place in placed], rules, workers)) as scanned:
        for row in scanned:
            rows.append(row)
            if progress:
                progress(1)
    labels = [place.label for place in placed]
    patients = [_patient(row.path, rules.patient_pattern) for row in rows]
    duplicates.mark(rows, labels)
    frame = pd.DataFrame([asdict(row) for row in rows])
    frame["image_id"] = [hashlib.sha256(row.path.encode()).hexdigest()[:16] for row in rows]
    frame["label"] = labels
    frame["supplied_split"] = [place.supplied_split for place in placed]
    frame["patient"] = patients
    frame["group"] = duplicates.group(rows, patients)
    reasons = [_reason(row, rules) for row in rows]
    frame["reason"] = reasons
    frame["quarantined"] = [reason is not None for reason in reasons]
    return frame[list(SCHEMA.names)]


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a manifest; equal frames give equal bytes.

    Args:
        frame: What `build` returns.
        path: The Parquet file to replace.
    """
    parquet.write(frame, SCHEMA, path)


def read(path: Path) -> pd.DataFrame:
    """Read a manifest.

    Args:
        path: A Parquet file that `write` wrote.

    Returns:
        The frame; what is absent is NaN.

    Raises:
        ConfigError: The file is missing or is no table.
    """
    return parquet.read(path)


def usable(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is quarantined.

    Args:
        frame: A manifest.

    Returns:
        The rows that may be trained on.

    Raises:
        VerdictError: None is left.
    """
    kept = frame[~frame["quarantined"]]
    if kept.empty:
        raise VerdictError(
            "the manifest", "holds no usable image", "See reports/validation.json for the reasons"
        )
    return kept


def _patient(path: str, pattern: str | None) -> str | None:
    found = re.search(pattern, path) if pattern else None
    return found["patient"] if found else None


def _reason(row: Row, rules: Validation) -> str | None:
    severities = rules.severity.model_dump()
    reasons = [
        f"{kind}: {note}"
        for kind, note in zip(row.defects, row.notes, strict=True)
        if severities[kind] != "info"
    ]
    return "; ".join(reasons) or None
