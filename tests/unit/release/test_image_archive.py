"""An archive is what its checksum and its digests say, or nothing of it reaches a host."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from scanops_host import documents

from scanops.errors import ConfigError, OutsideError
from scanops.release import image_archive


def make_archive(
    folder: Path, spoil: str = "", diff_ids: int = 2, size: object = 60, said: str = ""
) -> tuple[Path, str]:
    """Write an OCI archive of two layers; `spoil` names a blob whose bytes are then others."""
    blobs: dict[str, bytes] = {}

    def put(data: bytes) -> str:
        name = "sha256:" + hashlib.sha256(data).hexdigest()
        blobs[name] = data
        return name

    layers = [put(b"base" * 1000), put(b"bundle" * 10)]
    rootfs = {"diff_ids": ["sha256:" + "a" * 64] * diff_ids}
    config = put(json.dumps({"rootfs": rootfs, "history": [said]}).encode())
    listed = [{"digest": layers[0], "size": 4000}, {"digest": layers[1], "size": size}]
    listed = [{name: value for name, value in one.items() if value is not None} for one in listed]
    digest = put(json.dumps({"config": {"digest": config}, "layers": listed}).encode())
    spoilt = {"manifest": digest, "config": config, "layer": layers[1]}.get(spoil)
    path = folder / "image.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in blobs.items():
            member = tarfile.TarInfo("blobs/" + name.replace(":", "/"))
            member.size = len(data)
            written = data[:-1] + b"?" if name == spoilt else data
            archive.addfile(member, io.BytesIO(written))
    seen = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name("image.tar.sha256").write_text(f"{seen}  image.tar\n")
    return path, digest


def test_every_blob_is_taken_and_described(tmp_path: Path) -> None:
    """The plan names what a host has to have, and each blob lies under its name."""
    archive, digest = make_archive(tmp_path)
    plan = image_archive.stage(archive, digest, tmp_path / "out")
    assert plan["digest"] == digest
    assert [layer["size"] for layer in plan["layers"]] == [4000, 60]
    assert plan["bytes"] == 4060
    for blob in (plan["digest"], plan["config"], *(layer["blob"] for layer in plan["layers"])):
        data = (tmp_path / "out" / blob.removeprefix("sha256:")).read_bytes()
        assert "sha256:" + hashlib.sha256(data).hexdigest() == blob
    assert image_archive.stage(archive, digest, tmp_path / "out") == plan


def test_the_plan_holds_what_is_small(tmp_path: Path) -> None:
    """A host unpacks manifest and config from the plan, to the same bytes."""
    archive, digest = make_archive(tmp_path)
    plan = image_archive.stage(archive, digest, tmp_path / "out")
    assert set(plan["documents"]) == {digest, plan["config"]}
    for blob, packed in plan["documents"].items():
        documents.unpack(packed, tmp_path / "unpacked")
        data = (tmp_path / "unpacked").read_bytes()
        assert data == (tmp_path / "out" / blob.removeprefix("sha256:")).read_bytes()


def test_a_plan_stays_short_enough_for_a_command_line(tmp_path: Path) -> None:
    """A config that nothing makes small goes as a file: Linux takes no word of 128 KiB."""
    said = "".join(hashlib.sha512(str(number).encode()).hexdigest() for number in range(1000))
    archive, digest = make_archive(tmp_path, said=said)
    assert image_archive.stage(archive, digest, tmp_path / "out")["documents"] == {}


@pytest.mark.parametrize("changes", [{"diff_ids": 1}, {"diff_ids": 3}, {"size": None}, {"size": "60"}])
def test_a_manifest_that_does_not_fit_is_told(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Layers without a name of their content, or without a size, are no image: said with a remedy."""
    archive, digest = make_archive(tmp_path, **changes)
    with pytest.raises(OutsideError, match="holds no image") as told:
        image_archive.stage(archive, digest, tmp_path / "out")
    assert "make export-image" in told.value.remedy


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    """The checksum beside the archive is held against it first."""
    archive, digest = make_archive(tmp_path)
    data = bytearray(archive.read_bytes())
    data[700] ^= 1
    archive.write_bytes(data)
    with pytest.raises(OutsideError, match="is corrupted"):
        image_archive.stage(archive, digest, tmp_path / "out")


@pytest.mark.parametrize("spoil", ["manifest", "config", "layer"])
def test_a_blob_under_another_s_name_is_found(tmp_path: Path, spoil: str) -> None:
    """An archive with a fitting checksum, but other bytes than its digest stands for, leaves no such blob."""
    archive, digest = make_archive(tmp_path, spoil)
    with pytest.raises(OutsideError, match="other bytes"):
        image_archive.stage(archive, digest, tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """No checksum, no such image, no digest: each has its message."""
    archive, digest = make_archive(tmp_path)
    with pytest.raises(OutsideError, match="does not hold sha256:cc"):
        image_archive.stage(archive, "sha256:" + "c" * 64, tmp_path / "out")
    with pytest.raises(ConfigError, match="is none"):
        image_archive.stage(archive, "latest", tmp_path / "out")
    archive.with_name("image.tar.sha256").unlink()
    with pytest.raises(OutsideError, match=r"image\.tar\.sha256.*cannot be read"):
        image_archive.stage(archive, digest, tmp_path / "out")
