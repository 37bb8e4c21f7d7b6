"""Manifests made by hand: sound rows, for a test to plant a fault in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd


def sound(per_class: Mapping[str, int], **columns: Sequence[Any]) -> pd.DataFrame:
    """Lay out different, usable images.

    Args:
        per_class: Images a class.
        **columns: Columns to replace, a value a row.

    Returns:
        A manifest, sorted by path, with the columns that the judge reads.
    """
    labels = [label for label, count in sorted(per_class.items()) for _ in range(count)]
    count = len(labels)
    made = {
        "image_id": [f"{(i * 7919) % 100_003:016}" for i in range(count)],
        "path": [f"{label}/{i:06}.png" for i, label in enumerate(labels)],
        "label": labels,
        "supplied_split": [None] * count,
        "group": [f"g{i}" for i in range(count)],
        "picture": [f"g{i}" for i in range(count)],
        "patient": [None] * count,
        "pixel_sha256": [f"p{i}" for i in range(count)],
        "bytes": [1000 + i for i in range(count)],
        "format": ["PNG"] * count,
        "mode": ["L"] * count,
        "width": [128] * count,
        "height": [128] * count,
        "mean": [60.0 + (i * 37) % 50 for i in range(count)],
        "std": [40.0] * count,
        "border": [0.0] * count,
        "defects": [[] for _ in range(count)],
        "twin": [None] * count,
        "similarity": [None] * count,
        "mirrored": [False] * count,
        "quarantined": [False] * count,
        "reason": [None] * count,
    }
    return pd.DataFrame({**made, **columns})
