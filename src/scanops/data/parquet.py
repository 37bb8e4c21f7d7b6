"""Tables on disk: equal tables give equal bytes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scanops.atomic import replacing
from scanops.errors import ConfigError


def write(frame: pd.DataFrame, schema: pa.Schema, path: Path) -> None:
    """Write a table without pandas' notes on how it was made.

    Args:
        frame: The table; its index is left out.
        schema: Names and types of its columns.
        path: The Parquet file to replace.
    """
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata(None)
    with replacing(path) as draft:
        pq.write_table(table, draft, compression="zstd")


def read(path: Path, filters: list[tuple[str, str, object]] | None = None) -> pd.DataFrame:
    """Read a table that an earlier stage wrote.

    Args:
        path: A Parquet file.
        filters: Rows to take: column, comparison, value; None takes all.

    Returns:
        The table.

    Raises:
        ConfigError: The file is missing or is no such table.
    """
    try:
        return pd.DataFrame(pq.read_table(path, filters=filters).to_pandas())
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(str(path), f"cannot be read ({error})", "Make it with `make repro`") from error
