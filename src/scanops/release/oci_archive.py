"""An image as one file, for hosts that reach no registry: `docker load` and `podman load` both take it.

An OCI layout in a tar (https://github.com/opencontainers/image-spec/blob/main/image-layout.md) with the bytes
of the registry, so that the digest stays what it was, and `manifest.json` for engines older than that.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scanops import atomic
from scanops.digest import hash_file
from scanops.release import push
from scanops.release.image_registry import INDEXES, ImageRegistry


def export(registry: ImageRegistry, digest: str, target: Path) -> str:
    """Write an image to an archive, and its checksum beside it.

    Args:
        registry: What holds the image.
        digest: The image's.
        target: The archive; the same digest gives the same bytes. `<target>.sha256` is for
            `sha256sum --check`.

    Returns:
        SHA-256 of the archive.
    """
    with atomic.replacing(target) as draft, tempfile.TemporaryDirectory(dir=draft.parent) as scratch:
        blobs = Path(scratch)
        root = _fetch(registry, digest, blobs)
        with tarfile.open(draft, "w") as archive:
            _add(archive, "oci-layout", _bytes({"imageLayoutVersion": "1.0.0"}))
            _add(archive, "index.json", _bytes({"schemaVersion": 2, "manifests": [root]}))
            _add(archive, "manifest.json", _bytes([_legacy(registry, digest)]))
            for path in sorted(blobs.iterdir()):
                with path.open("rb") as file:
                    archive.addfile(_header(f"blobs/sha256/{path.name}", path.stat().st_size), file)
        sha256 = hash_file(draft)
    atomic.write_text(target.with_name(f"{target.name}.sha256"), f"{sha256}  {target.name}\n")
    return sha256


def _fetch(registry: ImageRegistry, digest: str, blobs: Path) -> dict[str, Any]:
    """Fetch a manifest and all that it names; return what an index says of it."""
    content, kind = registry.manifest(digest)
    (blobs / digest.removeprefix("sha256:")).write_bytes(content)
    described = json.loads(content)
    if kind in INDEXES:
        for one in described["manifests"]:
            _fetch(registry, str(one["digest"]), blobs)
    else:
        for blob in _parts(described):
            path = blobs / blob.removeprefix("sha256:")
            if not path.exists():
                registry.save_blob(blob, path)
    return {"mediaType": kind, "digest": digest, "size": len(content)}


def _parts(manifest: dict[str, Any]) -> Iterator[str]:
    yield str(manifest["config"]["digest"])
    yield from (str(layer["digest"]) for layer in manifest["layers"])


def _legacy(registry: ImageRegistry, digest: str) -> dict[str, Any]:
    """Describe the image as `docker save` does."""
    config, *layers = _parts(registry.image(digest))
    bundle = registry.labels(digest).get("io.scanops.bundle", "unknown")
    name = f"{registry.repository.rpartition('/')[2]}:{push.tag(bundle, config)}"
    places = [f"blobs/{layer.replace(':', '/')}" for layer in layers]
    return {"Config": f"blobs/{config.replace(':', '/')}", "RepoTags": [name], "Layers": places}


def _bytes(values: object) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_header(name, len(content)), io.BytesIO(content))


def _header(name: str, size: int) -> tarfile.TarInfo:
    """Describe a file; one time and owner for all, so that the same image gives the same archive."""
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o644
    return header
