"""Build the image of a bundle, and report on it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from scanops.bundle import bundle as bundles
from scanops.digest import hash_file
from scanops.release import base_contents, base_image, commit, image_context
from scanops.release.engine import Engine
from scanops.release.smoke import Result


@dataclass(frozen=True)
class Built:
    """An image in the engine.

    Attributes:
        reference: Its name, `scanops:<start of the bundle's hash>`.
        digest: Its content id, `sha256:…`.
        size_bytes: Size of its layers, the base's included.
        above_base_bytes: The same without the base's.
        bundle_sha256: The bundle in it.
        git_sha: The commit of the code in it, see `commit.name`.
        base: What it stands on.
    """

    reference: str
    digest: str
    size_bytes: int
    above_base_bytes: int
    bundle_sha256: str
    git_sha: str
    base: base_image.Base


def build(engine: Engine, root: Path, bundle: Path, gate: Path, base: str, name: str) -> Built:
    """Build the image of a bundle.

    Args:
        engine: Where to.
        root: The project's folder.
        bundle: The bundle's folder.
        gate: The gate's report on it; its hash becomes a label.
        base: The base image to pull, see `base_image.ensure`.
        name: The image's name, without a tag.

    Returns:
        The image.

    Raises:
        ConfigError: The bundle is damaged.
        OutsideError: The engine, the base or a library is out of reach.
    """
    description = bundles.read(bundle)
    bundle_sha256 = bundles.hash_bundle(bundle)
    standing_on = base_image.ensure(engine, base)
    git_sha = commit.name(root)
    arguments = {
        "BASE": standing_on.reference,
        "VERSION": _version(),
        "GIT_SHA": git_sha,
        "CREATED": commit.created(root, os.environ),
        "BUNDLE_SHA256": bundle_sha256,
        "DATA_SHA256": description.data_sha256,
        "GATE_SHA256": hash_file(gate),
    }
    reference = f"{name}:{bundle_sha256[:12]}"
    with tempfile.TemporaryDirectory(prefix="scanops-image-") as folder:
        context = Path(folder)
        contents = base_contents.read(engine, standing_on.reference)
        image_context.assemble(root, context, bundle, contents, arguments["VERSION"])
        digest = engine.build(context, reference, arguments)
    size, beneath = (int(engine.inspect(one)["Size"]) for one in (digest, standing_on.reference))
    return Built(reference, digest, size, size - beneath, bundle_sha256, git_sha, standing_on)


def report(image: Built, engine: Engine, result: Result) -> dict[str, Any]:
    """Return what `reports/image.json` holds.

    Args:
        image: The image.
        engine: What built it.
        result: What its smoke test saw.
    """
    return {
        "reference": image.reference,
        "digest": image.digest,
        "size_bytes": image.size_bytes,
        "above_base_bytes": image.above_base_bytes,
        "bundle_sha256": image.bundle_sha256,
        "git_sha": image.git_sha,
        "base": image.base.reference,
        "python": ".".join(map(str, image.base.python)),
        "engine": f"{engine.name} {engine.version}",
        "smoke": {
            "ready_seconds": round(result.ready_seconds, 2),
            "predictions_match": not result.mismatches,
            "images": result.images,
            "largest_difference": result.largest_difference,
        },
    }


def _version() -> str:
    try:
        return metadata.version("scanops")
    except metadata.PackageNotFoundError:
        return "unknown"
