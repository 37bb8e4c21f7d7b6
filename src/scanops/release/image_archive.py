"""Take an OCI archive apart into blobs, each checked by its name: a host is sent what it lacks."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import tarfile
import zlib
from pathlib import Path
from typing import Any

from scanops.digest import hash_file
from scanops.errors import ConfigError, OutsideError

REMEDY = "Export it again with `make export-image`"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
CHUNK = 1 << 20
# The plan is a word on a host's command line: Linux takes 128 KiB, and the layers' names need some of them.
MOST_DOCUMENT_CHARS = 64_000


def stage(archive: Path, digest: str, out: Path) -> dict[str, Any]:
    """Take the image of a digest out of an archive.

    Args:
        archive: An OCI archive (a tar with `blobs/sha256/…`), with `<archive>.sha256` beside it.
        digest: The manifest's, `sha256:…`.
        out: Folder that receives the blobs, each under its hexadecimal name.

    Returns:
        `digest`, `config`, `bytes`; `layers`: each with `blob`, `diff_id` and `size`; and `documents`:
        manifest and config by their names, packed (zlib, base64), or nothing where they are too long.

    Raises:
        ConfigError: The digest is none.
        OutsideError: The archive is missing, is not what its checksum says, or lacks a blob.
    """
    if not DIGEST.fullmatch(digest):
        raise ConfigError(f"digest {digest!r}", "is none", "Give sha256: and 64 hexadecimal digits")
    _require_checksum(archive)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            manifest = json.loads(_take(tar, archive, digest, out).read_bytes())
            config = manifest["config"]["digest"]
            diff_ids = json.loads(_take(tar, archive, config, out).read_bytes())["rootfs"]["diff_ids"]
            layers = manifest["layers"]
            for layer in layers:
                _take(tar, archive, layer["digest"], out)
            named = zip(layers, diff_ids, strict=True)
            described = [{"blob": one["digest"], "diff_id": name, "size": one["size"]} for one, name in named]
            size_bytes = sum(one["size"] for one in layers)
            documents = _documents(out, digest, config)
    except (tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise OutsideError(f"archive {archive}", f"holds no image ({error})", REMEDY) from error
    return {
        "digest": digest,
        "config": config,
        "bytes": size_bytes,
        "layers": described,
        "documents": documents,
    }


def _documents(out: Path, *blobs: str) -> dict[str, str]:
    """Pack small blobs, so that a host needs no files of them."""
    packed = {}
    for blob in blobs:
        data = (out / blob.removeprefix("sha256:")).read_bytes()
        packed[blob] = base64.b64encode(zlib.compress(data, 9)).decode()
    return packed if sum(map(len, packed.values())) <= MOST_DOCUMENT_CHARS else {}


def _require_checksum(archive: Path) -> None:
    beside = archive.with_name(archive.name + ".sha256")
    try:
        recorded = beside.read_text(encoding="utf-8").split()[:1]
        seen = hash_file(archive)
    except OSError as error:
        raise OutsideError(str(error.filename), f"cannot be read ({error.strerror})", REMEDY) from error
    if recorded != [seen]:
        fault = f"is corrupted: its sha256 is {seen[:12]}…, {beside.name} says {''.join(recorded)[:12]}…"
        raise OutsideError(f"archive {archive}", fault, REMEDY)


def _take(tar: tarfile.TarFile, archive: Path, blob: str, out: Path) -> Path:
    if not DIGEST.fullmatch(blob):
        raise OutsideError(f"archive {archive}", f"names a blob {blob!r}", REMEDY)
    target = out / blob.removeprefix("sha256:")
    if target.is_file() and hash_file(target) == target.name:
        return target
    try:
        source = tar.extractfile("blobs/" + blob.replace(":", "/"))
    except KeyError:
        source = None
    if source is None:
        raise OutsideError(f"archive {archive}", f"does not hold {blob}", REMEDY)
    draft, seen = target.with_suffix(".part"), hashlib.sha256()
    with contextlib.closing(source), draft.open("wb") as file:
        while chunk := source.read(CHUNK):
            seen.update(chunk)
            file.write(chunk)
    if seen.hexdigest() != target.name:
        draft.unlink()
        raise OutsideError(f"archive {archive}", f"holds other bytes than {blob}", REMEDY)
    draft.replace(target)
    return target
