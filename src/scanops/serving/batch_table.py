"""A batch's answers as a table: Parquet or CSV, whole or not at all."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scanops import atomic
from scanops.bundle.bundle import Bundle
from scanops.errors import ConfigError
from scanops.serving.batch_answers import Row

# A spreadsheet takes a cell that begins so for a formula (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def require_form(path: Path) -> None:
    """Refuse an output that cannot be written, before any file is read.

    Args:
        path: The output.

    Raises:
        ConfigError: Its suffix is unknown, or what writes it is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ConfigError(f"output {path}", "is neither .csv nor .parquet", "Name it predictions.csv")
    if suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        fault = "takes pyarrow, which is not installed here"
        raise ConfigError(
            f"output {path}", fault, f"Name it {path.with_suffix('.csv').name}, or install pyarrow"
        )
    if path.is_dir():
        raise ConfigError(f"output {path}", "is a folder", "Name a file")


def write(path: Path, rows: Sequence[Row], bundle: Bundle, bundle_sha256: str) -> None:
    """Write the table: path, class, p_<class> for each class, abstained, why, error.

    Args:
        path: Its suffix tells the form.
        rows: In the order of the table.
        bundle: What answered.
        bundle_sha256: Its name; Parquet keeps it, with the notice, among its metadata.
    """
    with atomic.replacing(path) as draft:
        if path.suffix.lower() == ".csv":
            _write_csv(draft, rows, bundle.classes)
        else:
            _write_parquet(draft, rows, bundle, bundle_sha256)


def _write_csv(path: Path, rows: Sequence[Row], classes: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(_columns(classes))
        for row in rows:
            shares = row.probabilities or (None,) * len(classes)
            table.writerow(
                [
                    _harmless(row.path),
                    row.predicted,
                    *(None if share is None else f"{share:.7g}" for share in shares),
                    None if row.abstained is None else str(row.abstained).lower(),
                    row.why,
                    row.error,
                ]
            )


def _harmless(path: str) -> str:
    """Name the same file in a way that no spreadsheet takes for a formula."""
    return f"./{path}" if path.startswith(FORMULA) else path


def _columns(classes: Sequence[str]) -> list[str]:
    return ["path", "class", *(f"p_{name}" for name in classes), "abstained", "why", "error"]


def _write_parquet(path: Path, rows: Sequence[Row], bundle: Bundle, bundle_sha256: str) -> None:
    # Not in the service's image, and a tenth of a second to load.
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    shares: list[list[Any]] = [
        [row.probabilities and row.probabilities[place] for row in rows]
        for place in range(len(bundle.classes))
    ]
    columns = [
        pa.array([row.path for row in rows], pa.string()),
        pa.array([row.predicted for row in rows], pa.string()),
        *(pa.array(column, pa.float32()) for column in shares),
        pa.array([row.abstained for row in rows], pa.bool_()),
        pa.array([row.why for row in rows], pa.string()),
        pa.array([row.error for row in rows], pa.string()),
    ]
    told = {"bundle_sha256": bundle_sha256, "notice": bundle.notice}
    table = pa.table(columns, names=_columns(bundle.classes)).replace_schema_metadata(told)
    parquet.write_table(table, path)
