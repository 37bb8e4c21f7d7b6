"""Push an image to a registry. What comes back is its digest there, the only name that deploys."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from scanops import reports
from scanops.digest import hash_bytes, hash_file
from scanops.errors import ConfigError, OutsideError, VerdictError
from scanops.release import verdict
from scanops.release.engine import Engine, EngineError
from scanops.release.image_names import is_plain
from scanops.release.image_registry import ImageRegistry

TRIES = 3
PAUSE_S = 2.0


def push(engine: Engine, report: Path, gate: Path, registry: ImageRegistry) -> dict[str, Any]:
    """Push the image that a report names.

    Args:
        engine: What holds it.
        report: `reports/image.json`.
        gate: The gate's report on its bundle.
        registry: Where to.

    Returns:
        What `reports/push.json` holds: `reference` (`name@sha256:…`), `digest`, `image_id`, `tag`,
        `bundle_sha256`, `git_sha`.

    Raises:
        VerdictError: The gate or the smoke test did not pass, or the image is not of this bundle and gate.
        OutsideError: Engine or registry are out of reach, or the engine has lost the image.
    """
    image = reports.read(report)
    image_id, bundle = str(image["digest"]), str(image["bundle_sha256"])
    verdict.require_pass(gate, bundle)
    if not image.get("smoke", {}).get("predictions_match"):
        raise VerdictError(str(report), "does not say that the smoke test passed", "Run `make image`")
    named = tag(bundle, image_id)
    here = engine.has_image(image_id)
    if not here and not registry.has(named):
        fault = f"has no image {image_id[:19]} any more"
        raise OutsideError(engine.name, fault, "Build it again with `make image`")
    labels = engine.inspect(image_id)["Config"].get("Labels") or {} if here else registry.labels(named)
    expected = {"io.scanops.bundle": bundle, "io.scanops.gate": hash_file(gate)}
    verdict.require_labels(f"image {image_id[:19]}", labels, expected)
    if here:
        _send(engine, image_id, registry, named)
    digest = _digest(registry, named, image_id)
    return {
        "reference": f"{registry.repository}@{digest}",
        "digest": digest,
        "image_id": image_id,
        "tag": named,
        "bundle_sha256": bundle,
        "git_sha": str(image["git_sha"]),
    }


def is_lost(engine: Engine, report: Path, registry: ImageRegistry) -> bool:
    """Say whether neither the engine nor the registry has the image: DVC knows its report alone.

    Args:
        engine: What built it, or another machine's.
        report: `reports/image.json`.
        registry: Where it would have been pushed to.
    """
    image = reports.read(report)
    image_id = str(image["digest"])
    named = tag(str(image["bundle_sha256"]), image_id)
    return not engine.has_image(image_id) and not registry.has(named)


def tag(bundle_sha256: str, image_id: str) -> str:
    """Name an image for people, and for registries that sweep away what has no tag; this one never moves.

    Args:
        bundle_sha256: The bundle in it.
        image_id: Its content id, `sha256:…`.
    """
    return f"{bundle_sha256[:12]}-{image_id[7:19]}"


def read(report: Path) -> dict[str, Any]:
    """Read `reports/push.json`.

    Raises:
        ConfigError: It is not there.
    """
    try:
        return reports.read(report)
    except ConfigError as error:
        raise ConfigError(
            error.subject, error.fault, "Push the image first: `make push REGISTRY=…`"
        ) from error


def _send(engine: Engine, image_id: str, registry: ImageRegistry, tag: str) -> None:
    named = f"{registry.repository}:{tag}"
    plain = ["--tls-verify=false"] if engine.name == "podman" and is_plain(registry.host) else []
    engine.call("tag", image_id, named)
    for left in reversed(range(TRIES)):
        try:
            engine.call("push", *plain, named)
            return
        except EngineError as error:
            if not left:
                fault = f"does not take the image ({error.fault})"
                remedy = f"Start it, or log in with `{engine.name} login {registry.host}`; then push again"
                raise OutsideError(f"registry {registry.repository}", fault, remedy) from error
            time.sleep(PAUSE_S)


def _digest(registry: ImageRegistry, tag: str, image_id: str) -> str:
    """Ask what the registry calls the image, and make sure that it is the one."""
    content, _ = registry.manifest(tag)
    digest = "sha256:" + hash_bytes(content)
    held = json.loads(content).get("config", {}).get("digest")
    if image_id not in (digest, held):  # an engine's id is that of its configuration or of its manifest
        fault = f"has another image as {tag} than {image_id[:19]}"
        raise VerdictError(f"registry {registry.repository}", fault, "Find out who else pushes there")
    return digest
