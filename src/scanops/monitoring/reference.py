"""What pictures were like at validation: the features that those of the service are compared with.

They are of pictures that the network has not learnt from: of those that it has, it is too sure.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scanops import imaging
from scanops.bundle import bundle as bundles
from scanops.bundle.batch import BATCH_SIZE
from scanops.bundle.predictor import Predictor
from scanops.digest import hash_file
from scanops.errors import ConfigError
from scanops.monitoring import features
from scanops.monitoring.features import Features

# More would make the bundle heavier and finds no shift that matters.
MOST = 5000
NAMES = tuple(field.name for field in dataclasses.fields(Features))


def write(predictor: Predictor, raw: Path, paths: Sequence[str]) -> None:
    """Describe pictures, and put that into the bundle.

    Args:
        predictor: The finished bundle.
        raw: The folder that the paths are relative to.
        paths: Pictures of the val split, no two of one group; of more than `MOST` some are taken, evenly.

    Raises:
        ImageError: A picture cannot be used.
    """
    chosen = [paths[place] for place in np.unique(np.linspace(0, len(paths) - 1, MOST).round().astype(int))]
    described: list[Features] = []
    for start in range(0, len(chosen), BATCH_SIZE):
        images = [imaging.read(raw, path, form=predictor.form) for path in chosen[start : start + BATCH_SIZE]]
        verdict = predictor.answer(np.stack([predictor.fit_input(image) for image in images]))
        described += features.describe(predictor, [features.look(image) for image in images], verdict)
    columns = {name: [getattr(one, name) for one in described] for name in NAMES}
    path = predictor.folder / bundles.REFERENCE
    path.write_text(json.dumps(columns, allow_nan=False, separators=(",", ":")) + "\n", encoding="utf-8")
    told = predictor.bundle.model_copy(update={"reference_sha256": hash_file(path)})
    bundles.write(predictor.folder, told)


def read(folder: Path) -> list[Features]:
    """Read what `write` wrote.

    Args:
        folder: The bundle's folder.

    Returns:
        Features of the pictures of validation.

    Raises:
        ConfigError: The bundle is damaged, or is from before it held them.
    """
    if bundles.read(folder).reference_sha256 is None:
        fault = f"holds no {bundles.REFERENCE}, so there is nothing to compare with"
        raise ConfigError(f"bundle {folder}", fault, "Export it again with `make repro`")
    columns: dict[str, Any] = json.loads((folder / bundles.REFERENCE).read_text(encoding="utf-8"))
    return [Features(*row) for row in zip(*(columns[name] for name in NAMES), strict=True)]
