"""Bring an image in: pulled by digest, or put together from blobs that were checked one by one."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from scanops_host import documents, engine
from scanops_host.faults import FaultError, outside, usage
from scanops_host.settings import Settings

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
CHUNK = 1 << 20
LOOKS = 5  # at all images, when one that was listed has gone


def check_digest(digest: str) -> str:
    """Return a digest that is one; a tag deploys nothing."""
    if not DIGEST.fullmatch(digest):
        raise usage(f"digest {digest!r}: is none. Give sha256: and 64 hexadecimal digits")
    return digest


def has(settings: Settings, digest: str) -> bool:
    """Say whether a version's image is here."""
    return engine.inspect("image", engine.local_name(settings, digest)) is not None


def here(settings: Settings) -> list[str]:
    """Return the digests of all versions whose images are here."""
    listed = engine.call("image", "ls", settings.name, "--format", "{{.Tag}}").split()
    digests = [tag.replace("-", ":", 1) for tag in listed]
    return [digest for digest in digests if DIGEST.fullmatch(digest)]


def pull(settings: Settings, repository: str, digest: str) -> bool:
    """Fetch an image from its registry; the engine holds it against the digest.

    Args:
        settings: Names and bounds.
        repository: Such as `registry.example.org:5000/scanops`.
        digest: What to fetch.

    Returns:
        Whether anything had to be fetched.
    """
    if has(settings, digest):
        return False
    _require_space(settings, 0)
    engine.call("pull", "--quiet", f"{repository}@{digest}", timeout_s=1800)
    engine.call("tag", f"{repository}@{digest}", engine.local_name(settings, digest))
    # One name, so that removing it frees the image.
    engine.call("image", "rm", f"{repository}@{digest}")
    return True


def missing(settings: Settings, plan: dict[str, Any]) -> list[str]:
    """Say which blobs of an image this host lacks.

    A layer is here when an image starts with the same layers up to it: that is how the engine knows layers.

    Args:
        settings: Where blobs are gathered.
        plan: What `pipelines.stage_image` wrote: `digest`, `config`, `layers`, `documents`.

    Returns:
        Names of blobs, `sha256:…`; empty when the image is here.
    """
    if has(settings, plan["digest"]):
        return []
    lacking = [plan["digest"], plan["config"]]
    lacking += [layer["blob"] for layer in plan["layers"][_layers_here(plan) :]]
    return [blob for blob in lacking if not _is_whole(staged(settings, blob), blob)]


def _layers_here(plan: dict[str, Any]) -> int:
    wanted = [layer["diff_id"] for layer in plan["layers"]]
    here = 0
    for image in _all_here():
        same = 0
        for ours, theirs in zip(wanted, image["RootFS"].get("Layers") or []):
            if ours != theirs:
                break
            same += 1
        here = max(here, same)
    return here


def _all_here() -> list[dict[str, Any]]:
    """Describe every image; somebody else may remove one between listing and looking."""
    for attempt in range(LOOKS):
        ids = sorted(set(engine.call("image", "ls", "--quiet", "--no-trunc").split()))
        try:
            return list(json.loads(engine.call("image", "inspect", *ids))) if ids else []
        except FaultError as error:
            if attempt + 1 == LOOKS or "No such image" not in str(error):
                raise
    raise AssertionError("the last look returns or raises")


def staged(settings: Settings, blob: str) -> Path:
    """Return where a blob waits until the image is loaded."""
    return settings.state / "staging" / check_digest(blob).partition(":")[2]


def _is_whole(path: Path, blob: str) -> bool:
    if not path.is_file():
        return False
    seen = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            seen.update(chunk)
    return f"sha256:{seen.hexdigest()}" == blob


def load(settings: Settings, plan: dict[str, Any]) -> bool:
    """Load an image from staged blobs, and from layers that are here already.

    Args:
        settings: Names, bounds and places.
        plan: As for `missing`.

    Returns:
        Whether anything was loaded.

    Raises:
        FaultError: A blob is not what its name says, or the engine made something else of them.
    """
    digest = check_digest(plan["digest"])
    if has(settings, digest):
        return False
    for blob, packed in plan.get("documents", {}).items():
        documents.unpack(packed, staged(settings, blob))
    manifest = _read(settings, digest)
    config = manifest["config"]["digest"]
    configured = _read(settings, config)
    layers = [layer["digest"] for layer in manifest["layers"]]
    here = _layers_here({"layers": [{"diff_id": name} for name in configured["rootfs"]["diff_ids"]]})
    sent = [config, *layers[here:]]
    for blob in sent:
        if not _is_whole(staged(settings, blob), blob):
            raise outside(f"blob {blob}: is missing or damaged on this host. Run the deployment again")
    _require_space(settings, 3 * sum(staged(settings, blob).stat().st_size for blob in sent))
    _feed(settings, digest, config, layers, sent)
    found = engine.inspect("image", engine.local_name(settings, digest))
    if found is None or found["Id"] != config:
        if found:  # under this name it would pass for the digest the next time
            engine.call("image", "rm", "--force", engine.local_name(settings, digest))
        raise outside(f"image {digest}: the engine made {found and found['Id']} of it. See the engine's log")
    for blob in {digest, config, *layers}:
        staged(settings, blob).unlink(missing_ok=True)
    return True


def _read(settings: Settings, blob: str) -> dict[str, Any]:
    path = staged(settings, blob)
    if not _is_whole(path, blob):
        raise outside(f"blob {blob}: is missing or damaged on this host. Run the deployment again")
    return dict(json.loads(path.read_bytes()))


def _feed(settings: Settings, digest: str, config: str, layers: list[str], sent: list[str]) -> None:
    # The format of `docker save`: engines of 2022 read no OCI layout, and every one reads this.
    names = {blob: f"blobs/{blob.replace(':', '/')}" for blob in [config, *layers]}
    tags = [engine.local_name(settings, digest)]
    index = [{"Config": names[config], "RepoTags": tags, "Layers": [names[layer] for layer in layers]}]
    with subprocess.Popen(
        ["docker", "load", "--quiet"],  # noqa: S607 -- the host's own engine
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as client:
        assert client.stdin is not None  # noqa: S101 -- asked for above
        assert client.stdout is not None  # noqa: S101 -- asked for above
        broken = False
        try:
            with tarfile.open(fileobj=client.stdin, mode="w|") as archive:
                _add(archive, "manifest.json", json.dumps(index).encode())
                for blob in sent:
                    archive.add(str(staged(settings, blob)), names[blob])
            client.stdin.close()
        except BrokenPipeError:
            broken = True  # its own words, read below, say why
        said = client.stdout.read().decode(errors="replace").strip()
        if client.wait() or broken:
            raise outside(f"docker load: {said}. See the engine's log")


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _require_space(settings: Settings, needed: int) -> None:
    free = engine.free_bytes()
    if free - needed < settings.min_free_bytes:
        wanted = needed + settings.min_free_bytes
        raise outside(
            f"disk of the engine: {free / 1e6:.0f} MB are free, {wanted / 1e6:.0f} MB are needed. Free some"
            ", or add some, then run the deployment again"
        )


def prune(settings: Settings, keep: list[str]) -> list[str]:
    """Remove the images and golden images of versions that nobody will go back to.

    Args:
        settings: Names and places.
        keep: Digests that stay.

    Returns:
        The digests that went.
    """
    gone = []
    for digest in here(settings):
        if digest not in keep:
            try:
                engine.call("image", "rm", "--force", engine.local_name(settings, digest))
            except FaultError as fault:
                if "being used" not in fault.text:  # by a container that stays for a rollback
                    raise
                continue
            (settings.state / "golden" / f"{digest.replace(':', '-')}.json").unlink(missing_ok=True)
            gone.append(digest)
    return gone
