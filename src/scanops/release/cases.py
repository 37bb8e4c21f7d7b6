"""Choose test images for the smoke test, with the answers that `evaluate` recorded for them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path

import pandas as pd

from scanops.errors import ConfigError
from scanops.release.smoke import Case

PREFIX = "p_"


def choose(splits: Path, predictions: Path, raw: Path, count: int) -> list[Case]:
    """Choose images of the test split, in turn from each class.

    Args:
        splits: Parquet file with `image_id`, `path` and `split`.
        predictions: Parquet file with `image_id`, `label`, `prediction` and a column `p_<class>` a class.
        raw: Folder that the paths are relative to.
        count: How many at most.

    Returns:
        The same images for the same files, whatever the order of their rows.

    Raises:
        ConfigError: A file is missing or holds something else, or there is no test image in common.
    """
    rows = _join(splits, predictions)
    # Images of a class in the order of their ids, then the first of each class, the second of each, …
    turn = rows.sort_values("image_id").groupby("label").cumcount()
    chosen = rows.assign(turn=turn).sort_values(["turn", "label"]).head(count)
    columns = [name for name in rows.columns if name.startswith(PREFIX)]
    return [_case(raw, row, columns) for row in chosen.to_dict("records")]


def _join(splits: Path, predictions: Path) -> pd.DataFrame:
    remedy = "Make it again with `make repro`"
    tables = []
    for path, needed in (
        (splits, {"image_id", "path", "split"}),
        (predictions, {"image_id", "label", "prediction"}),
    ):
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
            raise ConfigError(str(path), f"cannot be read ({error})", remedy) from error
        if missing := needed - set(table.columns):
            raise ConfigError(str(path), f"has no column {', '.join(sorted(missing))}", remedy)
        tables.append(table)
    known, answered = tables
    test = known.loc[known["split"] == "test", ["image_id", "path"]]
    joined = test.merge(answered, on="image_id")
    if joined.empty:
        raise ConfigError(str(predictions), f"shares no test image with {splits}", remedy)
    return joined


def _case(raw: Path, row: Mapping[Hashable, object], columns: list[str]) -> Case:
    path = raw / str(row["path"])
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read ({error})", "Fetch the data again") from error
    probabilities = {name.removeprefix(PREFIX): float(str(row[name])) for name in columns}
    return Case(str(row["path"]), data, str(row["prediction"]), probabilities)
