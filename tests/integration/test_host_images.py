"""Images on a host: the real engine, and a real registry to pull from."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from scanops_host import images
from scanops_host import settings as host_settings
from scanops_host.faults import FaultError

from scanops.release.engine import Engine
from scanops.release.image_registry import ImageRegistry
from tests.image_registry import push_tiny, running
from tests.unit.host.settings import make_settings

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]


@pytest.fixture
def pulled(engine: Engine, tmp_path: Path) -> Iterator[tuple[host_settings.Settings, str, str]]:
    """Pull an image as a host does; give the host's settings, the digest, and the engine's id of it."""
    if engine.name != "docker":
        pytest.skip("hosts have docker")
    name = f"scanops-test-{uuid.uuid4().hex[:8]}"
    settings = make_settings(tmp_path, name=name)
    with running(tmp_path / "registry") as host:
        repository = f"{host}/{name}"
        digest, image_id = push_tiny(ImageRegistry(repository), {"note": name})
        assert images.pull(settings, repository, digest)
        assert not images.pull(settings, repository, digest)
        yield settings, digest, image_id
    if engine.has_image(image_id):
        engine.call("image", "rm", "--force", image_id)


def test_a_pulled_image_is_freed(engine: Engine, pulled: tuple[host_settings.Settings, str, str]) -> None:
    """Once nobody will go back to it, the engine has nothing of it any more, under no name."""
    settings, digest, image_id = pulled
    assert images.prune(settings, [digest]) == []
    assert engine.has_image(image_id)
    assert images.prune(settings, []) == [digest]
    assert not engine.has_image(image_id)


def test_what_the_engine_made_something_else_of_is_not_here(
    engine: Engine, pulled: tuple[host_settings.Settings, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that loads under another id is refused, the second time as well."""
    settings, digest, image_id = pulled
    # The engine answers with another image than the blobs say: here, the one that was pulled.
    staged = settings.state / "staging"
    staged.mkdir()
    other, config = "sha256:" + "5" * 64, "sha256:" + "6" * 64
    monkeypatch.setattr(
        images, "_read", lambda *_: {"config": {"digest": config}, "layers": [], "rootfs": {"diff_ids": []}}
    )
    monkeypatch.setattr(images, "_is_whole", lambda *_: True)
    (staged / config.partition(":")[2]).touch()
    monkeypatch.setattr(
        images, "_feed", lambda *_: engine.call("tag", image_id, f"{settings.name}:{other.replace(':', '-')}")
    )
    for _ in range(2):
        with pytest.raises(FaultError, match="the engine made"):
            images.load(settings, {"digest": other})
    assert not images.has(settings, other)
    assert images.has(settings, digest)
