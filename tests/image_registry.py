"""A real registry on loopback (Debian's docker-registry), and images small enough to push in each test."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scanops.digest import hash_bytes
from scanops.release.image_registry import ImageRegistry
from tests.conftest import require_part
from tests.patience import until
from tests.ports import free_port

CONFIG = "application/vnd.docker.container.image.v1+json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@contextmanager
def running(folder: Path, port: int | None = None, **settings: object) -> Iterator[str]:
    """Run a registry.

    Args:
        folder: Where it keeps images.
        port: Where it listens; by default a free one.
        **settings: Further sections of its configuration.

    Yields:
        Its host, `127.0.0.1:port`.
    """
    program = shutil.which("docker-registry") or shutil.which("registry")
    require_part(program, "no docker-registry on the PATH")
    host = f"127.0.0.1:{port or free_port()}"
    config = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "store")}, "delete": {"enabled": True}},
        "http": {"addr": host},
        **settings,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yml").write_text(json.dumps(config), encoding="utf-8")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [str(program), "serve", str(folder / "config.yml")], stdout=log, stderr=log
        )
        try:
            until(lambda: process.poll() is not None or _listens(host), (folder / "log").read_text)
            assert process.poll() is None, (folder / "log").read_text()
            yield host
        finally:
            process.terminate()
            process.wait()


def push_tiny(registry: ImageRegistry, labels: Mapping[str, str], tag: str = "tiny") -> tuple[str, str]:
    """Push an image of one layer that holds nothing but its labels.

    Args:
        registry: Where to.
        labels: Its labels.
        tag: Its tag.

    Returns:
        Its digest in the registry, and its content id in an engine.
    """
    layer = b"\x00" * 1024  # a tar without files
    described = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": dict(labels)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hash_bytes(layer)}"]},
    }
    config = json.dumps(described).encode()
    layer_kind = "application/vnd.docker.image.rootfs.diff.tar"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": len(config), "digest": registry.put_blob(config)},
            "layers": [{"mediaType": layer_kind, "size": len(layer), "digest": registry.put_blob(layer)}],
        }
    ).encode()
    registry.put_manifest(tag, manifest, MANIFEST)
    return f"sha256:{hash_bytes(manifest)}", f"sha256:{hash_bytes(config)}"


def _listens(host: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{host}/", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False
