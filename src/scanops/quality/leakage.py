"""Which images of the supplied test split are in the supplied training split as well."""

from __future__ import annotations

import pandas as pd


def leaked(manifest: pd.DataFrame) -> pd.Series[bool]:
    """Find images of the supplied test split whose pixels are in the supplied training split too.

    Args:
        manifest: What `data.survey.survey` returns.

    Returns:
        One truth value a row.
    """
    return _shared(manifest, "pixel_sha256")


def leaked_nearly(manifest: pd.DataFrame) -> pd.Series[bool]:
    """Find test images that are in training as a near duplicate only: the picture, not its pixels.

    Args:
        manifest: What `data.survey.survey` returns.

    Returns:
        One truth value a row; never true where `leaked` is.
    """
    return _shared(manifest, "picture") & ~leaked(manifest)


def _shared(manifest: pd.DataFrame, column: str) -> pd.Series[bool]:
    training = manifest.loc[manifest["supplied_split"] == "train", column].dropna()
    return (manifest["supplied_split"] == "test") & manifest[column].isin(set(training))
