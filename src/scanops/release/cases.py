"""Choose test images for the smoke test, with the answers that `evaluate` recorded for them."""

from __future__ import annotations

import io
from collections.abc import Hashable, Mapping
from pathlib import Path

import pandas as pd

from scanops import imaging
from scanops.errors import ConfigError
from scanops.release.smoke import Case

PREFIX = "p_"


def choose(splits: Path, predictions: Path, raw: Path, count: int) -> list[Case]:
    """Choose images of the test split, in turn from each class.

    In each class whole files come first: the service answers one image a file. A frame of several goes as a
    PNG of its own, which holds the same pixels.

    Args:
        splits: Parquet file with `image_id`, `path` and `split`.
        predictions: Parquet file with `image_id`, `label`, `prediction`, `why`, and `p_<class>` a class.
        raw: Folder that the paths are relative to.
        count: How many at most.

    Returns:
        The same images for the same files, whatever the order of their rows.

    Raises:
        ConfigError: A file is missing or holds something else, or there is no test image in common.
    """
    rows = _join(splits, predictions)
    rows["framed"] = [imaging.locate(raw, path)[1] is not None for path in rows["path"]]
    # Images of a class in the order of their ids, then the first of each class, the second of each, …
    turn = rows.sort_values(["framed", "image_id"]).groupby("label").cumcount()
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
    file, frame = imaging.locate(raw, str(row["path"]))
    try:
        data = file.read_bytes() if frame is None else _as_png(imaging.read(raw, str(row["path"])))
    except OSError as error:
        raise ConfigError(str(file), f"cannot be read ({error})", "Fetch the data again") from error
    probabilities = {name.removeprefix(PREFIX): float(str(row[name])) for name in columns}
    return Case(str(row["path"]), data, str(row["prediction"]), probabilities, _reason(row))


def _reason(row: Mapping[Hashable, object]) -> str | None:
    return why if isinstance(why := row.get("why"), str) else None


def _as_png(image: imaging.Decoded) -> bytes:
    buffer = io.BytesIO()
    image.picture.save(buffer, "PNG")
    return buffer.getvalue()
