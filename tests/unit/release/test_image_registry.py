"""Images, labels, tags and archives, in a real registry."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bcrypt
import pytest

from scanops.digest import hash_bytes
from scanops.errors import ConfigError, OutsideError, VerdictError
from scanops.release import image_names, oci_archive, provenance
from scanops.release.image_registry import OCI_INDEX, AbsentError, ImageRegistry
from tests.image_registry import push_tiny, running

LABELS = {"io.scanops.bundle": "b" * 64}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that the registry works in."""
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def host(store: Path) -> Iterator[str]:
    """Run a registry for all tests; each has a repository of its own."""
    with running(store) as host:
        yield host


def test_labels_are_read_and_a_tag_moves_nothing(host: str) -> None:
    """A further tag has the same digest; what is not there is told apart from what is away."""
    registry = ImageRegistry(f"{host}/group/labels")
    digest, image_id = push_tiny(registry, LABELS)
    assert registry.labels(digest) == LABELS
    assert registry.image("tiny")["config"]["digest"] == image_id
    registry.tag(digest, "staging-2")
    assert "sha256:" + hash_bytes(registry.manifest("staging-2")[0]) == digest
    with pytest.raises(AbsentError, match="404") as caught:
        registry.manifest("sha256:" + "f" * 64)
    assert caught.value.exit_code == 4


def test_changed_bytes_are_refused(host: str, store: Path) -> None:
    """A registry whose store was changed gives nothing that is taken for the image."""
    registry = ImageRegistry(f"{host}/changed")
    digest, image_id = push_tiny(registry, {"changed": "yes"})
    (blob,) = (store / "store").glob(f"**/blobs/sha256/??/{image_id[7:]}/data")
    blob.write_bytes(blob.read_bytes().replace(b"yes", b"no!"))
    with pytest.raises(VerdictError, match="gives other bytes"):
        registry.labels(digest)
    with pytest.raises(VerdictError, match="gives other bytes"):
        oci_archive.export(registry, digest, store / "image.tar")
    assert not (store / "image.tar").exists()


def test_an_index_leads_to_its_image(host: str) -> None:
    """An image with attestations is found behind its index; one for two platforms is refused."""
    registry = ImageRegistry(f"{host}/index")
    digest, _ = push_tiny(registry, LABELS)
    content, kind = registry.manifest(digest)
    one = {
        "mediaType": kind,
        "digest": digest,
        "size": len(content),
        "platform": {"os": "linux", "architecture": "x"},
    }
    other = one | {"platform": {"os": "unknown", "architecture": "unknown"}}
    for name, entries in {"one": [one, other], "two": [one, one]}.items():
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        registry.put_manifest(name, json.dumps(index).encode(), OCI_INDEX)
    assert registry.labels("one") == LABELS
    with pytest.raises(VerdictError, match="2 platforms"):
        registry.labels("two")


def test_an_archive_holds_the_bytes_of_the_registry(host: str, tmp_path: Path) -> None:
    """The same image gives the same archive, its checksum is checked by sha256sum, and the digest stays."""
    registry = ImageRegistry(f"{host}/archive")
    digest, image_id = push_tiny(registry, LABELS)
    sums = {oci_archive.export(registry, digest, tmp_path / name / "image.tar") for name in ("a", "b")}
    assert len(sums) == 1
    subprocess.run(["sha256sum", "--check", "--quiet", "image.tar.sha256"], cwd=tmp_path / "a", check=True)
    with tarfile.open(tmp_path / "a" / "image.tar") as archive:
        held = {name: archive.extractfile(name).read() for name in archive.getnames()}
    (root,) = json.loads(held["index.json"])["manifests"]
    assert root["digest"] == digest
    (described,) = json.loads(held["manifest.json"])
    assert described["Config"] == f"blobs/{image_id.replace(':', '/')}"
    blobs = {name: content for name, content in held.items() if name.startswith("blobs/")}
    assert all(name.endswith(hash_bytes(content)) for name, content in blobs.items())
    assert {described["Config"], *described["Layers"]} <= set(blobs)


def test_provenance_is_found_from_the_image(host: str, tmp_path: Path) -> None:
    """The statement hangs on the image's digest, names what it was made of, and is listed once."""
    registry = ImageRegistry(f"{host}/provenance")
    digest, _ = push_tiny(registry, LABELS)
    pushed = {"digest": digest, "bundle_sha256": "b" * 64, "git_sha": "c" * 40}
    image, gate = tmp_path / "image.json", tmp_path / "gate.json"
    image.write_text(json.dumps({"base": "python", "engine": "docker 1"}), encoding="utf-8")
    gate.write_text(json.dumps({"data_sha256": "d" * 64, "params_sha256": "a" * 64}), encoding="utf-8")
    names = {provenance.attach(registry, pushed, image, gate) for _ in range(2)}
    (listed,) = json.loads(registry.manifest(digest.replace(":", "-"))[0])["manifests"]
    assert {listed["digest"]} == names
    held = registry.image(listed["digest"])
    assert held["subject"]["digest"] == digest
    registry.save_blob(held["layers"][0]["digest"], tmp_path / "statement")
    told = json.loads((tmp_path / "statement").read_text())
    assert told["subject"][0]["digest"]["sha256"] == digest.removeprefix("sha256:")
    made_of = {
        one["name"]: one["digest"] for one in told["predicate"]["buildDefinition"]["resolvedDependencies"]
    }
    assert made_of["code"] == {"gitCommit": "c" * 40}
    assert made_of["data"] == {"sha256": "d" * 64}


def test_the_job_of_a_ci_is_named(tmp_path: Path) -> None:
    """A statement made by a CI leads to its run; one made at a desk claims none."""
    gate = tmp_path / "gate.json"
    gate.write_text("{}", encoding="utf-8")
    pushed = {"digest": "sha256:" + "e" * 64, "bundle_sha256": "b" * 64, "git_sha": "c" * 40}
    job = {"GITHUB_SERVER_URL": "https://git.example.org", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"}
    here, there = (provenance.statement("r/x", pushed, {}, gate, environ) for environ in ({}, job))
    assert here["predicate"]["runDetails"]["builder"]["id"].endswith("workstation")
    found = there["predicate"]["runDetails"]["metadata"]["invocationId"]
    assert found == "https://git.example.org/a/b/actions/runs/7"


def log_in(folder: Path, host: str, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what `docker login` leaves."""
    login = base64.b64encode(f"me:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": login}}}), encoding="utf-8")
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


def test_the_login_of_docker_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry with a password takes who is logged in, and nobody else."""
    (tmp_path / "passwords").write_bytes(b"me:" + bcrypt.hashpw(b"right", bcrypt.gensalt(4)) + b"\n")
    guard = {"htpasswd": {"realm": "test", "path": str(tmp_path / "passwords")}}
    with running(tmp_path / "registry", auth=guard) as host:
        log_in(tmp_path, host, "right", monkeypatch)
        digest, _ = push_tiny(ImageRegistry(f"{host}/closed"), LABELS)
        for password in ("wrong", ""):
            log_in(tmp_path, host, password, monkeypatch)
            with pytest.raises(OutsideError, match="401") as caught:
                ImageRegistry(f"{host}/closed").labels(digest)
            assert "docker login" in str(caught.value)


class TokenServer(BaseHTTPRequestHandler):
    """A fake of a registry that wants tokens, as public ones do: those cannot be reached from everywhere."""

    def do_GET(self) -> None:
        """Hand out a token for name and password, and a manifest for the token."""
        given, login = self.headers.get("Authorization", ""), base64.b64encode(b"me:right").decode()
        if self.path.startswith("/token"):
            granted = given == f"Basic {login}" and "scope=repository%3Ax%3Apull" in self.path
            self._answer(200 if granted else 401, b'{"token": "t0ken"}' if granted else b"{}")
        elif given == "Bearer t0ken":
            self._answer(200, b"{}")
        else:
            self._answer(401, b"{}")

    def _answer(self, code: int, content: bytes) -> None:
        self.send_response(code)
        if code == 401:
            realm = f'realm="http://{self.headers["Host"]}/token",service="s",scope="repository:x:pull"'
            self.send_header("WWW-Authenticate", f"Bearer {realm}")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_token_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The login is turned into a token where the registry says so; a wrong one is told."""
    with ThreadingHTTPServer(("127.0.0.1", 0), TokenServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        log_in(tmp_path, host, "right", monkeypatch)
        assert ImageRegistry(f"{host}/x").manifest("tag")[0] == b"{}"
        log_in(tmp_path, host, "wrong", monkeypatch)
        with pytest.raises(OutsideError, match="401"):
            ImageRegistry(f"{host}/x").manifest("tag")
        server.shutdown()


class Elsewhere(BaseHTTPRequestHandler):
    """A store that a registry leads to, and that asks for a login; keeps every path with what came along.

    A fake: no real registry asks for what belongs to another.
    """

    asked: list[tuple[str, str | None]]  # set by the test

    def do_GET(self) -> None:
        """Ask for a token, and take whatever comes for one."""
        self.asked.append((self.path, self.headers.get("Authorization")))
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        self.send_response(401)
        self.send_header("WWW-Authenticate", f'Bearer realm="http://{self.headers["Host"]}/token"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PUT = do_GET  # noqa: N815 -- the base class looks for this name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class LeadingAway(Elsewhere):
    """A fake of a registry whose blobs and uploads lie elsewhere, as those of public registries do."""

    place: str

    def do_GET(self) -> None:
        """Lead a blob away."""
        self._lead(307)

    def do_POST(self) -> None:
        """Lead an upload away."""
        self._lead(202)

    def _lead(self, code: int) -> None:
        self.send_response(code)
        self.send_header("Location", f"{self.place}/blob")
        self.send_header("Content-Length", "0")
        self.end_headers()


def test_the_login_is_not_for_another_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that a blob or an upload leads to is told no password, however it asks; its refusal is told."""
    asked: list[tuple[str, str | None]] = []
    handlers: list[type[Elsewhere]] = [Elsewhere, LeadingAway]
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), one)) for one in handlers]
        for server in servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        away, host = (f"127.0.0.1:{server.server_port}" for server in servers)
        monkeypatch.setattr(Elsewhere, "asked", asked, raising=False)
        monkeypatch.setattr(LeadingAway, "place", f"http://{away}", raising=False)
        log_in(tmp_path, host, "right", monkeypatch)
        registry = ImageRegistry(f"{host}/x")
        with pytest.raises(OutsideError, match="401"):
            registry.save_blob("sha256:" + "a" * 64, tmp_path / "blob")
        with pytest.raises(OutsideError, match="401"):
            registry.put_blob(b"x")
    assert [path.partition("?")[0] for path, _ in asked] == ["/blob", "/blob"]
    assert {given for _, given in asked} == {None}


@pytest.mark.parametrize(
    "name", ["scanops", "me/scanops", "host.example.org", "host.example.org/Big", "h.org/x:tag"]
)
def test_what_is_no_repository_is_told(name: str) -> None:
    """A name without a host would lead to somebody else's registry."""
    with pytest.raises(ConfigError, match="REGISTRY="):
        ImageRegistry(name)


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("127.0.0.1:5000", True),
        ("localhost", True),
        ("[::1]:5000", True),
        ("localhost.example.org", False),
        ("10.0.0.1:5000", False),
        ("ghcr.io", False),
        ("hospital:5000", True),
    ],
)
def test_only_this_machine_is_spoken_to_without_tls(host: str, plain: bool) -> None:
    """And what a variable names."""
    assert image_names.is_plain(host, {image_names.PLAIN: "hospital:5000"}) is plain
