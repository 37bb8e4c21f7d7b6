"""A real image from a real engine into a real registry, and back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanops.digest import hash_file
from scanops.errors import OutsideError, VerdictError
from scanops.release import oci_archive, push
from scanops.release.engine import Engine
from scanops.release.image_registry import ImageRegistry
from tests.image_registry import running

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]
BUNDLE = "b" * 64
DOCKERFILE = """FROM scratch
ARG GATE
COPY gate.json /
LABEL io.scanops.bundle={bundle} io.scanops.gate=$GATE
CMD ["/none"]
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageRegistry]:
    """Run a registry; give a repository in it."""
    with running(tmp_path_factory.mktemp("registry")) as host:
        yield ImageRegistry(f"{host}/scanops")


@pytest.fixture(scope="module")
def built(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build an image that holds its labels and little else, with its reports; give their folder."""
    folder = tmp_path_factory.mktemp("image")
    gate = folder / "gate.json"
    gate.write_text(json.dumps({"verdict": "pass", "bundle_sha256": BUNDLE}), encoding="utf-8")
    (folder / "Dockerfile").write_text(DOCKERFILE.format(bundle=BUNDLE), encoding="utf-8")
    image_id = engine.build(folder, "scanops-test-push:tiny", {"GATE": hash_file(gate)})
    report = {"digest": image_id, "bundle_sha256": BUNDLE, "git_sha": "c" * 40}
    (folder / "image.json").write_text(
        json.dumps(report | {"smoke": {"predictions_match": True}}), encoding="utf-8"
    )
    yield folder
    engine.call("rmi", "--force", image_id)


def test_an_image_goes_to_a_registry_and_comes_back(
    engine: Engine, registry: ImageRegistry, built: Path, tmp_path: Path
) -> None:
    """By digest, once however often it is pushed; its archive loads as the same image."""
    pushed = push.push(engine, built / "image.json", built / "gate.json", registry)
    assert pushed == push.push(engine, built / "image.json", built / "gate.json", registry)
    assert pushed["reference"] == f"{registry.repository}@{pushed['digest']}"
    assert registry.labels(pushed["digest"])["io.scanops.bundle"] == BUNDLE
    oci_archive.export(registry, pushed["digest"], tmp_path / "image.tar")
    engine.call("rmi", "--force", pushed["image_id"])
    assert not engine.has_image(pushed["image_id"])
    engine.call("load", "--input", str(tmp_path / "image.tar"))
    assert engine.image_id(f"scanops:{pushed['tag']}") == pushed["image_id"]


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"smoke": {"predictions_match": False}}, VerdictError, "smoke test"),
        ({"bundle_sha256": "e" * 64}, VerdictError, "is about bundle"),
    ],
)
def test_what_did_not_pass_is_not_pushed(
    change: dict[str, object],
    error: type[Exception],
    said: str,
    engine: Engine,
    built: Path,
    tmp_path: Path,
) -> None:
    """An image that failed its smoke test, or is of another bundle, stays here."""
    values = json.loads((built / "image.json").read_text())
    (tmp_path / "image.json").write_text(json.dumps(values | change), encoding="utf-8")
    with pytest.raises(error, match=said):
        push.push(engine, tmp_path / "image.json", built / "gate.json", ImageRegistry("127.0.0.1:9/none"))


def test_a_run_that_was_pushed_goes_on_on_another_machine(
    engine: Engine, registry: ImageRegistry, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine there never had the image, the registry has: nothing is sent, the digest is the same."""
    pushed = push.push(engine, built / "image.json", built / "gate.json", registry)
    monkeypatch.setattr(Engine, "has_image", lambda *_: False)
    monkeypatch.setattr(push, "_send", lambda *_: pytest.fail("sent an image that is not here"))
    assert not push.is_lost(engine, built / "image.json", registry)
    assert push.push(engine, built / "image.json", built / "gate.json", registry) == pushed


def test_an_image_that_nobody_has_is_lost(
    engine: Engine, registry: ImageRegistry, built: Path, tmp_path: Path
) -> None:
    """Built on a machine that is gone, and never pushed: only building it again helps."""
    values = json.loads((built / "image.json").read_text())
    (tmp_path / "image.json").write_text(
        json.dumps(values | {"digest": "sha256:" + "f" * 64}), encoding="utf-8"
    )
    assert push.is_lost(engine, tmp_path / "image.json", registry)
    with pytest.raises(OutsideError, match="make image"):
        push.push(engine, tmp_path / "image.json", built / "gate.json", registry)


def test_an_image_of_another_gate_report_is_not_pushed(engine: Engine, built: Path, tmp_path: Path) -> None:
    """The report that passed has to be the one that the image was built with."""
    shutil.copy(built / "gate.json", tmp_path)
    with (tmp_path / "gate.json").open("a") as file:
        file.write("\n")
    with pytest.raises(VerdictError, match=r"says io\.scanops\.gate"):
        push.push(engine, built / "image.json", tmp_path / "gate.json", ImageRegistry("127.0.0.1:9/none"))


def test_a_registry_that_is_away_is_told(
    engine: Engine, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried again, then an outside fault with what the engine said."""
    monkeypatch.setattr(push, "PAUSE_S", 0)
    with pytest.raises(OutsideError, match="does not take the image") as caught:
        push.push(engine, built / "image.json", built / "gate.json", ImageRegistry("127.0.0.1:9/none"))
    assert caught.value.exit_code == 4
