"""Bundles go into the model registry and come out the same, on a file and on a server with PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.config import Tracking
from scanops.errors import OutsideError, VerdictError
from scanops.release import card, registry
from tests.bundles import make_bundle
from tests.conftest import require_part
from tests.patience import PATIENCE_S, until
from tests.ports import free_port
from tests.releases import point

CARD = "# Model card\n\n" + "A line of it.\n" * 500
TAGS = {"git_sha": "c" * 40, "data_sha256": "d" * 64}
START_S = 300


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty data base: MLflow takes longer to make one than all else here takes."""
    place = tmp_path_factory.mktemp("database") / "runs.db"
    mlflow.MlflowClient(f"sqlite:///{place}").search_registered_models()
    return place


@pytest.fixture
def local(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tracking:
    """Give a data base file, as by default; in full, since MLflow keeps connections by their address."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(database, tmp_path / "runs.db")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Tracking(uri=f"sqlite:///{tmp_path}/runs.db")


def postgres_folder() -> Path | None:
    """Find PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a PostgreSQL of its own; give its address."""
    programs = postgres_folder()
    require_part(programs, "no PostgreSQL is installed")
    # PostgreSQL refuses to run as root.
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(subprocess.check_output([*user, "mktemp", "-d"], text=True).strip())
    initdb, pg_ctl = (str(Path(programs or "") / name) for name in ("initdb", "pg_ctl"))
    control = [*user, pg_ctl, "-D", str(folder / "data"), "-w", "-t", f"{PATIENCE_S:.0f}"]
    create = [*user, initdb, "-D", str(folder / "data"), "-U", "mlflow", "-A", "trust"]
    subprocess.run(create, check=True, capture_output=True)
    port = free_port()
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    try:
        subprocess.run(
            [*control, "-o", options, "-l", str(folder / "log"), "start"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        yield f"postgresql://mlflow@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracking]:
    """Run MLflow's server on it; give what leads there."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        postgres,
        "--host",
        "127.0.0.1",
    ]
    command += ["--port", str(port), "--artifacts-destination", str(tmp_path / "store"), "--workers", "1"]
    command += ["--allowed-hosts", f"127.0.0.1:{port}"]
    log = tmp_path / "server.log"
    with log.open("w") as told:
        process = subprocess.Popen(command, stdout=told, stderr=told, start_new_session=True)
    try:
        until(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}/health"), log.read_text)
        assert process.poll() is None, log.read_text()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        yield Tracking()
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def answers(address: str) -> bool:
    """Say whether a server is there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


def hold(rules: Tracking, folder: Path) -> None:
    """Hold what a registry promises, wherever it is."""
    first = make_bundle(folder / "first")
    (first / card.NAME).write_text(CARD, encoding="utf-8")
    assert registry.fetch(rules, "production", folder / "none") is None
    assert not (folder / "none").exists()
    one = registry.register(rules, first, TAGS)
    assert (one.number, one.bundle_sha256, one.fresh) == ("1", bundles.hash_bundle(first), True)
    again = registry.register(rules, first, TAGS)
    assert (again.number, again.fresh) == ("1", False)
    point(rules, one)
    two = registry.register(rules, make_bundle(folder / "second", ("a", "b")), TAGS)
    fetched = {alias: registry.fetch(rules, alias, folder / alias) for alias in ("candidate", "production")}
    assert {alias: version.number for alias, version in fetched.items() if version} == {
        "candidate": two.number,
        "production": one.number,
    }
    assert bundles.hash_bundle(folder / "production") == bundles.hash_bundle(first)
    held = mlflow.MlflowClient().get_model_version(rules.model, "1")
    assert {name: held.tags[name] for name in TAGS} == TAGS
    model = mlflow.pyfunc.load_model(f"models:/{rules.model}/1")
    batch = np.random.default_rng(1).integers(0, 255, (3, 32, 32, 3), dtype=np.uint8)
    assert np.array_equal(model.predict(batch), Predictor(first).predict(batch).probabilities)
    assert model.metadata.signature.inputs.inputs[0].type == np.uint8
    assert model.metadata.signature.outputs.inputs[0].shape == (-1, 3)
    example = model.metadata.load_input_example(held.source)
    assert (example.shape, example.dtype) == ((1, 32, 32, 3), np.uint8)
    assert (folder / "production" / card.NAME).read_text(encoding="utf-8") == CARD
    assert held.description.startswith("# Model card")
    assert held.description.endswith("The rest: `model_card.md` in the bundle.\n")
    assert len(held.description) <= card.MOST_DESCRIBED
    assert held.tags[registry.TAG] == bundles.hash_bundle(first)


def test_a_bundle_comes_back_from_a_file(local: Tracking, tmp_path: Path) -> None:
    """Registered once, fetched by alias the same, and loadable by `mlflow.pyfunc` with equal answers."""
    hold(local, tmp_path)


@pytest.mark.xdist_group("postgres")
def test_a_bundle_comes_back_from_a_server_with_postgresql(server: Tracking, tmp_path: Path) -> None:
    """The same on a real tracking server whose data base is PostgreSQL."""
    hold(server, tmp_path)


def test_a_changed_store_is_refused(local: Tracking, tmp_path: Path) -> None:
    """What is fetched must be what was registered; nothing is left where it is not."""
    version = registry.register(local, make_bundle(tmp_path / "bundle"), TAGS)
    point(local, version)
    (stored,) = (tmp_path / "mlruns").rglob(bundles.DESCRIPTION)
    described = json.loads(stored.read_text())
    stored.write_text(json.dumps({**described, "architecture": "another"}))
    with pytest.raises(VerdictError, match=r"not .* as registered"):
        registry.fetch(local, "production", tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


@pytest.mark.parametrize("damage", ["no bundle", "two bundles", "another graph", "no graph"])
def test_a_damaged_store_is_told(damage: str, local: Tracking, tmp_path: Path) -> None:
    """A version whose files are not one whole bundle is refused by its name, and nothing is left of it."""
    version = registry.register(local, make_bundle(tmp_path / "bundle"), TAGS)
    point(local, version)
    (stored,) = (tmp_path / "mlruns").rglob(bundles.DESCRIPTION)
    if damage == "no bundle":
        stored.unlink()
    elif damage == "two bundles":
        shutil.copytree(stored.parent, stored.parent.with_name("copy"))
    elif damage == "another graph":
        (stored.parent / bundles.GRAPH).write_bytes(b"another")
    else:
        (stored.parent / bundles.GRAPH).unlink()
    with pytest.raises(VerdictError, match=rf"^{local.model} version 1: "):
        registry.fetch(local, "production", tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_a_full_disk_here_is_not_the_registrys_fault(
    local: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the local disk refuses is told as that, not as a registry that is to be started."""
    version = registry.register(local, make_bundle(tmp_path / "bundle"), TAGS)
    point(local, version)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", fail)
    with pytest.raises(OSError, match="No space left"):
        registry.fetch(local, "production", tmp_path / "fetched")


def test_a_silent_registry_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that does not answer is an outside fault, with its address and without its password."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(OutsideError, match=r"127\.0\.0\.1:9") as caught:
        registry.register(Tracking(), make_bundle(tmp_path / "bundle"), TAGS)
    assert "secret" not in str(caught.value)


def test_a_fault_while_registering_leaves_no_version(
    local: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the bundle cannot be stored there is no version of it, and the next attempt succeeds."""
    bundle = make_bundle(tmp_path / "bundle")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(mlflow.pyfunc, "log_model", fail)
        with pytest.raises(OutsideError, match="No space"):
            registry.register(local, bundle, TAGS)
    assert not mlflow.MlflowClient().search_model_versions(f"name = '{local.model}'")
    assert registry.register(local, bundle, TAGS).number == "1"


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("call", ["create_model_version", "set_registered_model_alias"])
def test_nothing_is_half_registered(
    call: str, known: bool, local: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault after the upload takes back version and model, but no earlier one; the next try succeeds."""
    if known:
        registry.register(local, make_bundle(tmp_path / "earlier", ("a", "b")), TAGS)
    bundle = make_bundle(tmp_path / "bundle")
    client = mlflow.MlflowClient(local.uri)

    def fail(*_: object, **__: object) -> None:
        raise MlflowException("out of order")

    with monkeypatch.context() as patched:
        patched.setattr(mlflow.MlflowClient, call, fail)
        with pytest.raises(OutsideError, match="out of order"):
            registry.register(local, bundle, TAGS)
    versions = client.search_model_versions(f"name = '{local.model}'")
    assert [str(version.version) for version in versions] == (["1"] if known else [])
    assert len(client.search_registered_models()) == known
    if known:
        assert str(client.get_model_version_by_alias(local.model, "candidate").version) == "1"
    assert registry.register(local, bundle, TAGS).fresh
    assert client.get_model_version_by_alias(local.model, "candidate").tags[registry.TAG] == (
        bundles.hash_bundle(bundle)
    )


def test_a_refused_permission_is_told(
    local: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a model that exists may stand in the way of making it: other refusals end the registration."""

    def refuse(*_: object, **__: object) -> None:
        raise MlflowException("not allowed", error_code=PERMISSION_DENIED)

    monkeypatch.setattr(mlflow.MlflowClient, "create_registered_model", refuse)
    with pytest.raises(OutsideError, match="not allowed"):
        registry.register(local, make_bundle(tmp_path / "bundle"), TAGS)


def test_what_cannot_be_taken_back_is_told(
    local: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the registry falls silent in the middle the message says that, and the next attempt mends it."""
    bundle = make_bundle(tmp_path / "bundle")

    def fail(*_: object, **__: object) -> None:
        raise MlflowException("out of order")

    with monkeypatch.context() as patched:
        for call in ("set_registered_model_alias", "delete_model_version"):
            patched.setattr(mlflow.MlflowClient, call, fail)
        with pytest.raises(OutsideError, match="half registered"):
            registry.register(local, bundle, TAGS)
    assert registry.register(local, bundle, TAGS).number == "1"
    aliased = mlflow.MlflowClient().get_model_version_by_alias(local.model, "candidate")
    assert str(aliased.version) == "1"
