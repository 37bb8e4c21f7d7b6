"""The spine of the pipeline: one Parquet row a file, on which everything later joins."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from scanops.data import parquet
from scanops.errors import VerdictError

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("path", pa.string()),
        ("label", pa.string()),
        ("supplied_split", pa.string()),
        ("group", pa.string()),
        ("picture", pa.string()),
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
        ("border", pa.float64()),
        ("defects", pa.list_(pa.string())),
        ("twin", pa.string()),
        ("similarity", pa.float64()),
        ("mirrored", pa.bool_()),
        ("quarantined", pa.bool_()),
        ("reason", pa.string()),
    ]
)


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a manifest; equal frames give equal bytes.

    Args:
        frame: What `survey.survey` returns.
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
