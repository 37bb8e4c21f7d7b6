"""Images on a host, without an engine: what its client says is given."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from pathlib import Path

import pytest
from scanops_host import documents, engine, images
from scanops_host.faults import FaultError, outside

from tests.unit.host.settings import make_settings


def test_an_image_that_goes_while_all_are_looked_at_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's clean-up does not end a deployment: the images are listed and looked at once more."""
    listed = iter(["sha256:a\nsha256:b", "sha256:a"])

    def call(*arguments: str, **_: object) -> str:
        if arguments[1] == "ls":
            return next(listed)
        if "sha256:b" in arguments:
            raise outside("docker image: Error response from daemon: No such image: sha256:b")
        return json.dumps([{"RootFS": {"Layers": ["one", "two"]}} for _ in arguments[2:]])

    monkeypatch.setattr(engine, "call", call)
    assert images._layers_here({"layers": [{"diff_id": name} for name in ("one", "two", "three")]}) == 2


def test_a_fault_of_the_engine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything else, and an image that never stops going, ends the look."""
    said = ["docker image: permission denied", "docker image: No such image: sha256:a"]
    for text in said:

        def call(*arguments: str, text: str = text, **_: object) -> str:
            if arguments[1] == "ls":
                return "sha256:a"
            raise outside(text)

        monkeypatch.setattr(engine, "call", call)
        with pytest.raises(FaultError, match=text.rpartition(": ")[2]):
            images._layers_here({"layers": []})


def test_manifest_and_config_come_with_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that was sent no file of them reads both, and goes on to the layer, which is what it lacks."""
    layer = "sha256:" + "a" * 64
    config = json.dumps({"rootfs": {"diff_ids": ["sha256:" + "b" * 64]}}).encode()
    named = "sha256:" + hashlib.sha256(config).hexdigest()
    manifest = json.dumps({"config": {"digest": named}, "layers": [{"digest": layer}]}).encode()
    digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
    packed = {
        blob: base64.b64encode(zlib.compress(data)).decode()
        for blob, data in ((digest, manifest), (named, config))
    }
    monkeypatch.setattr(engine, "inspect", lambda *_: None)
    monkeypatch.setattr(engine, "call", lambda *_: "")
    (tmp_path / "staging").mkdir()
    with pytest.raises(FaultError, match=f"blob {layer}: is missing"):
        images.load(make_settings(tmp_path), {"digest": digest, "documents": packed})


@pytest.mark.parametrize("packed", ["?", base64.b64encode(b"plain").decode()])
def test_a_document_of_another_form_is_refused(tmp_path: Path, packed: str) -> None:
    """What is no packed document is told in our words, and leaves nothing."""
    with pytest.raises(FaultError, match="plan: its document one is none"):
        documents.unpack(packed, tmp_path / "one")
    assert not (tmp_path / "one").exists()


def test_a_full_disk_is_told_for_documents_as_well() -> None:
    """In the words that the playbook has for a layer that found no room."""
    with pytest.raises(FaultError, match="disk: No space left on device for what is sent"):
        documents.unpack(base64.b64encode(zlib.compress(b"manifest")).decode(), Path("/dev/full"))
