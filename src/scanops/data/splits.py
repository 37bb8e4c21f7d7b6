"""Content decides the split: keyed hashes of a group's pictures and patients say where it goes, for good."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from scanops.config import Fractions, Split
from scanops.data import manifest, parquet
from scanops.errors import VerdictError

PARTS = ("train", "val", "test")
SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("path", pa.string()),
        ("label", pa.string()),
        ("group", pa.string()),
        ("split", pa.string()),
        ("representative", pa.bool_()),
        ("group_keys", pa.int32()),
    ]
)


def position(stable_key: str, split_key: str) -> float:
    """Draw the place of one patient or picture, the same whatever else there is.

    Args:
        stable_key: What `stable_keys` gives it.
        split_key: Draws one split of many.

    Returns:
        A number in [0, 1]: HMAC-SHA256 (RFC 2104) of the one under the other, its first 64 bits.
    """
    digest = hmac.digest(split_key.encode(), stable_key.encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") / 2**64


def place(where: float, fractions: Fractions) -> str:
    """Choose the part at a position: test lowest, then val, then train.

    A group lies at the smallest position of its keys, so what joins it can only lower it: from train
    to val to test, never back. A larger share for test only adds to the test set.

    Args:
        where: Position in [0, 1].
        fractions: Shares of the parts.

    Returns:
        `train`, `val` or `test`.
    """
    if where < fractions.test:
        return "test"
    return "val" if where < fractions.test + fractions.val else "train"


def stable_keys(frame: pd.DataFrame) -> pd.Series[str]:
    """Give each image a key that no other image can change.

    Args:
        frame: Readable rows of the manifest.

    Returns:
        `patient:<patient>` where one is known, so that a patient counts once; else the hash of the
        pixels, so that a picture's copies count once. The group's name would not do: it changes as
        groups join.
    """
    known = frame["patient"].notna()
    return frame["pixel_sha256"].where(~known, "patient:" + frame["patient"].astype("string")).astype(str)


def divide(frame: pd.DataFrame, rules: Split) -> pd.DataFrame:
    """Divide the usable images of a manifest.

    Args:
        frame: The whole manifest. A quarantined image is given no part, but it still says where its
            group goes: else adding an image that puts another into quarantine could move a group.
        rules: Fractions, key, and how many groups of a class each part must get.

    Returns:
        One row a usable image, sorted by path, with the columns of `SCHEMA`. `representative` is true
        for the first file of each picture; training and evaluation use these alone, so that a picture
        counts once however often it was copied, exactly or nearly. `group_keys` is the number of
        stable keys in the image's group.

    Raises:
        VerdictError: No image is usable, or a class has too few groups in a part.
    """
    readable = frame[frame["group"].notna()]
    keyed = pd.DataFrame({"group": readable["group"], "key": stable_keys(readable)}).drop_duplicates()
    keyed["position"] = [position(stable_key, rules.key) for stable_key in keyed["key"]]
    groups = keyed.groupby("group")["position"]
    parts = groups.min().map(lambda lowest: place(lowest, rules.fractions))
    divided = manifest.usable(readable).sort_values("path", ignore_index=True)
    divided["split"] = divided["group"].map(parts)
    divided["representative"] = ~divided.duplicated("picture")
    divided["group_keys"] = divided["group"].map(groups.size())
    _require_groups(divided, rules.min_groups)
    return divided[list(SCHEMA.names)]


def summarise(splits: pd.DataFrame, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """Count what went where.

    Args:
        splits: What `divide` returns.
        warnings: What validation warned of; whoever reads this report is to know it too.

    Returns:
        The report: images, pictures and groups of each class in each part, how many groups are in
        more than one part (0, or something is broken), and how many had more than one key drawn for
        them, which makes them likelier to be in test than its share says.
    """
    spread = splits.groupby("group")["split"].nunique()
    many = splits.loc[splits["group_keys"] > 1, "group"]
    return {
        "images": len(splits),
        "pictures": int(splits["representative"].sum()),
        "groups": len(spread),
        "groups_of_many_keys": int(many.nunique()),
        "cross_split_groups": int((spread > 1).sum()),
        "classes": sorted(splits["label"].unique()),
        "splits": {part: _count(splits[splits["split"] == part], splits) for part in PARTS},
        "warnings": list(warnings),
    }


def write(splits: pd.DataFrame, path: Path) -> None:
    """Write splits; equal frames give equal bytes.

    Args:
        splits: What `divide` returns.
        path: The Parquet file to replace.
    """
    parquet.write(splits, SCHEMA, path)


def read(path: Path, part: str) -> pd.DataFrame:
    """Read the pictures of one part: each once.

    Args:
        path: A Parquet file that `write` wrote.
        part: `train`, `val` or `test`.

    Returns:
        The part's representatives, sorted by path.

    Raises:
        ConfigError: The file is missing or is not a table of splits.
    """
    return parquet.read(path, filters=[("split", "=", part), ("representative", "=", True)])


def _count(part: pd.DataFrame, whole: pd.DataFrame) -> dict[str, Any]:
    pictures, groups = int(part["representative"].sum()), part["group"].nunique()
    return {
        "images": len(part),
        "pictures": pictures,
        "groups": groups,
        "fraction_of_groups": round(groups / whole["group"].nunique(), 4),
        "fraction_of_pictures": round(pictures / int(whole["representative"].sum()), 4),
        "per_class": {str(label): int(count) for label, count in part.groupby("label").size().items()},
    }


def _require_groups(frame: pd.DataFrame, least: int) -> None:
    groups = frame.groupby(["label", "split"])["group"].nunique()
    for label in sorted(frame["label"].unique()):
        for part in PARTS:
            count = int(groups.get((label, part), 0))
            if count < least:
                raise VerdictError(
                    f"class `{label}`",
                    f"has {count} groups in the {part} split, fewer than split.min_groups = {least}",
                    "Add images of it, or change split.fractions or split.key",
                )
