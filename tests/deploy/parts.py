"""The outside parts of the scenarios: images in a real registry, EC2 as moto answers it, certificates."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.fake_service import service as fake

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
DEPLOY_BIN = ROOT / "build/deploy/bin"
IMAGES = 8


def call(*command: str | Path, check: bool = True, **env: str) -> str:
    """Run a program; return what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        timeout=600,
    )
    if check and done.returncode:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done.stdout.strip()


@dataclass(frozen=True)
class Version:
    """An image of the fake service.

    Attributes:
        name: Its tag.
        digest: Its manifest's.
        golden: The file of golden images that it must answer.
        archive: The same image as an OCI archive with a checksum.
    """

    name: str
    digest: str
    golden: Path
    archive: Path


def make_certificate(folder: Path, names: list[str]) -> tuple[Path, Path, Path]:
    """Make an authority and a certificate of it for names and addresses; return both, and the key."""
    authority, key = folder / "ca.pem", folder / "key.pem"
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes"]
    call(
        *new, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", folder / "ca.key", "-out", authority
    )
    call(*new, "-subj", "/CN=test", "-keyout", key, "-out", folder / "csr")
    kinds = ",".join(f"{'IP' if re.fullmatch(r'[0-9.]+', name) else 'DNS'}:{name}" for name in names)
    (folder / "ext").write_text(f"subjectAltName={kinds}\n")
    signed = ["-CA", authority, "-CAkey", folder / "ca.key", "-CAcreateserial", "-extfile", folder / "ext"]
    request = ["-days", "2", "-in", folder / "csr", "-out", folder / "cert.pem"]
    call("openssl", "x509", "-req", *request, *signed)
    return authority, folder / "cert.pem", key


@contextmanager
def registry(folder: Path, address: str, certificate: Path, key: Path) -> Iterator[None]:
    """Run Debian's docker-registry with TLS for the length of a block."""
    settings = f"""version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/registry}}, delete: {{enabled: true}}}}
http: {{addr: "{address}", tls: {{certificate: {certificate}, key: {key}}}}}
log: {{level: error}}
"""
    (folder / "registry.yml").write_text(settings)
    with process("docker-registry", "serve", str(folder / "registry.yml"), log=folder / "registry.log"):
        wait_port(address)
        yield


@contextmanager
def process(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for the length of a block."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as running:
        try:
            yield running
        finally:
            running.terminate()


def wait_port(address: str) -> None:
    """Wait until something listens."""
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((host, int(port)), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"{address} does not answer"
            time.sleep(0.2)


def build(
    folder: Path, base: str, name: str, fault: str, repository: str, *, authority: Path, ballast: bytes = b""
) -> Version:
    """Build a version of the fake service, push it, export it, and record its golden answers."""
    bundle = (name.encode().hex() * 64)[:64]
    with tempfile.TemporaryDirectory() as context:
        for file in ("Dockerfile", "service.py"):
            shutil.copy(HERE / "fake_service" / file, context)
        Path(context, "settings.json").write_text(json.dumps({"bundle_sha256": bundle, "fault": fault}))
        Path(context, "ballast").write_bytes(ballast)  # so that a version weighs something
        arguments = ["--network", "none", "--build-arg", f"BASE={base}", "--build-arg", f"BUNDLE={bundle}"]
        call("docker", "build", "-q", "-t", f"scanops-fake:{name}", *arguments, context, DOCKER_BUILDKIT="0")
    golden = folder / f"{name}.golden.json"
    cases = [golden_case(index) for index in range(IMAGES)]
    golden.write_text(json.dumps({"bundle_sha256": bundle, "cases": cases}))
    return publish(folder, name, f"scanops-fake:{name}", golden, repository, authority=authority)


def publish(
    folder: Path, name: str, image: str, golden: Path, repository: str, *, authority: Path
) -> Version:
    """Push an image of the engine to the registry, and export it as an archive with its checksum."""
    certificates = folder / "certs"
    certificates.mkdir(exist_ok=True)
    shutil.copy(authority, certificates / "ca.crt")
    remote, archive = f"docker://{repository}", folder / f"{name}.tar"
    copy = ["skopeo", "copy", "-q"]
    local = f"docker-daemon:{image}"
    call(*copy, "--format", "oci", "--dest-cert-dir", certificates, local, f"{remote}:{name}")
    asked = ["skopeo", "inspect", "--cert-dir", certificates, "--format", "{{.Digest}}"]
    digest = call(*asked, f"{remote}:{name}")
    call(*copy, "--src-cert-dir", certificates, f"{remote}@{digest}", f"oci-archive:{archive}")
    archive.with_name(archive.name + ".sha256").write_text(
        call("sha256sum", archive).split()[0] + f"  {archive.name}\n"
    )
    return Version(name, digest, golden, archive)


def golden_case(index: int) -> dict[str, object]:
    """Give an image of the tests with the answer that a good version gives."""
    data = f"image {index}".encode() * 50
    said = fake.answer(data)
    return {
        "name": str(index),
        "image": base64.b64encode(data).decode(),
        "prediction": said["class"],
        "probabilities": said["probabilities"],
        "why": None,
    }


INSTANCES = """
import boto3, json, sys
client = boto3.client("ec2", region_name="eu-central-1")
image = client.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
for name, address in json.loads(sys.argv[1]).items():
    tags = {"Name": name, "scanops-environment": "example", "scanops-address": address}
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    client.run_instances(ImageId=image, MinCount=1, MaxCount=1,
                         TagSpecifications=[{"ResourceType": "instance", "Tags": listed}])
"""


@contextmanager
def ec2(folder: Path, instances: dict[str, str]) -> Iterator[dict[str, str]]:
    """Let moto answer the EC2 API; yield the environment that leads there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",  # moto asks for one, and takes any
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    with process(
        str(DEPLOY_BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(port), log=folder / "moto.log"
    ):
        wait_port(f"127.0.0.1:{port}")
        call(DEPLOY_BIN / "python", "-c", INSTANCES, json.dumps(instances), **env)
        yield env
