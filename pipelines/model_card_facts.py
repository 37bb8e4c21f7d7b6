"""The model card that `evaluate` writes, from what bundle, parameters and reports hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import pandas as pd
from pydantic import BaseModel

from scanops.bundle import bundle as bundles
from scanops.bundle import footprint
from scanops.config import Config
from scanops.evaluation import model_card
from scanops.evaluation.model_card import Facts

# The card ships: addresses and folders, which may hold names and passwords, stay here.
SHOWN = ("kind", "handle", "archive", "sha256", "images", "seed")


def source(name: str, entry: BaseModel) -> dict[str, Any]:
    """Describe where the data came from.

    Args:
        name: `dataset`.
        entry: What `sources` holds under this name.

    Returns:
        What names and pins the data.
    """
    values = entry.model_dump(mode="json")
    return {"name": name, **{key: values[key] for key in SHOWN if values.get(key) is not None}}


def card(
    bundle: Path,
    params: Config,
    splits: pd.DataFrame,
    validation: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> str:
    """Write the model card.

    Args:
        bundle: See `gather`, as for the rest.
        params: All parameters.
        splits: What `data/splits.parquet` holds.
        validation: What `reports/validation.json` holds.
        metrics: What `reports/metrics.json` is to hold.

    Returns:
        Markdown.
    """
    return model_card.render(gather(bundle, params, splits, validation, metrics))


def gather(
    bundle: Path,
    params: Config,
    splits: pd.DataFrame,
    validation: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> Facts:
    """Gather the facts.

    Args:
        bundle: The bundle's folder.
        params: All parameters; those that shaped the bundle are shown.
        splits: What `data/splits.parquet` holds.
        validation: What `reports/validation.json` holds.
        metrics: What `reports/metrics.json` is to hold.

    Returns:
        What the card tells of.
    """
    shaping = (params.split, params.imaging, params.augmentation, params.training)
    sections = (*shaping, params.export, params.abstention)
    settings = {type(one).__name__.lower(): one.model_dump(mode="json") for one in sections}
    settings["training"]["weights"] = PurePath(settings["training"]["weights"]).name
    return Facts(
        bundle=bundles.read(bundle).model_dump(mode="json"),
        bundle_sha256=bundles.hash_bundle(bundle),
        parameters=footprint.parameters(bundle),
        size_bytes=bundles.size_bytes(bundle),
        source=source(params.dataset, params.source),
        settings=settings,
        splits=splits,
        validation=validation,
        metrics=metrics,
    )
