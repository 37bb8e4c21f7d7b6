"""The image for AWS Lambda: the tested image, with the runtime's client put in front of the service."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanops import reports
from scanops.errors import ConfigError, OutsideError, VerdictError
from scanops.release import base_contents, distributions, image_context
from scanops.release.engine import Engine, EngineError

ENTRY = "scanops.serving.lambda_start"
# The metadata of the libraries in an image: enough to say what they are and under which licence.
_METADATA = """
import json, pathlib
lib = pathlib.Path('/opt/scanops/lib')
files = [lib / path for name in ('METADATA', 'RECORD') for path in lib.glob('*.dist-info/' + name)]
print(json.dumps({str(path.relative_to(lib)): path.read_text('utf-8') for path in files}))
"""
_EVENT = {"version": "2.0", "requestContext": {"http": {"method": "GET", "path": "/version", "sourceIp": ""}}}
_ASK = f"import awslambdaric\nfrom {ENTRY} import handler\nprint(handler({_EVENT!r}, None)['body'])"


@dataclass(frozen=True)
class Built:
    """An image in the engine.

    Attributes:
        reference: Its name.
        digest: Its content id, `sha256:…`.
        size_bytes: Of all its layers.
        image: The content id of the image that it stands on.
        bundle_sha256: The bundle in it, as it says itself.
    """

    reference: str
    digest: str
    size_bytes: int
    image: str
    bundle_sha256: str


def build(engine: Engine, root: Path, report: Path) -> Built:
    """Build it, and have it answer one event.

    Args:
        engine: Where to, and where the tested image is.
        root: The project's folder.
        report: `reports/image.json`, which names the tested image.

    Returns:
        The image.

    Raises:
        ConfigError: The report names no image.
        OutsideError: The image is not in this engine, or a library is out of reach.
        VerdictError: What was built does not answer with the bundle of the report.
    """
    reference, digest, bundle_sha256 = _tested(engine, report)
    name, _, tag = reference.rpartition(":")
    with tempfile.TemporaryDirectory(prefix="scanops-lambda-") as folder:
        context = Path(folder)
        _assemble(engine, root, context, digest, bundle_sha256)
        built = engine.build(context, f"{name}-lambda:{tag}", {"IMAGE": reference})
    answered = _smoke(engine, built)
    if answered != bundle_sha256:
        fault = f"answers with bundle {answered[:12]}, and the report names {bundle_sha256[:12]}"
        raise VerdictError(f"image {name}-lambda:{tag}", fault, "Build both again: `make image image-lambda`")
    size = int(engine.inspect(built)["Size"])
    return Built(f"{name}-lambda:{tag}", built, size, digest, bundle_sha256)


def _tested(engine: Engine, report: Path) -> tuple[str, str, str]:
    said = reports.read(report)
    try:
        reference, digest, bundle = (str(said[key]) for key in ("reference", "digest", "bundle_sha256"))
    except KeyError as error:
        raise ConfigError(str(report), f"names no image (no {error})", "Make it with `make repro`") from error
    try:
        present = engine.image_id(reference)
    except EngineError:
        present = "none"
    if present != digest:
        fault = f"is not the tested one in this engine ({present[:19]} instead of {digest[:19]})"
        raise OutsideError(f"image {reference}", fault, "Build it with `make image`")
    return reference, digest, bundle


def _assemble(engine: Engine, root: Path, context: Path, digest: str, bundle_sha256: str) -> None:
    labels: dict[str, Any] = engine.inspect(digest)["Config"]["Labels"]
    prefix = "org.opencontainers.image."
    contents = base_contents.read(engine, digest)
    contents = dataclasses.replace(contents, reference=labels[f"{prefix}base.name"])
    shutil.copy(root / "docker" / "lambda.Dockerfile", context / "Dockerfile")
    there = image_context.source_files(root)
    for path in sorted(set(image_context.source_files(root, (ENTRY,))) - set(there)):
        image_context.copy(path, context / path.relative_to(root))
    libraries = context / "lib"
    image_context.fetch_libraries(root / "requirements" / "lambda.txt", libraries, contents.python_minor)
    with tempfile.TemporaryDirectory(prefix="scanops-metadata-") as folder:
        known = json.loads(engine.run_once(digest, "python3", "-c", _METADATA))
        for name, text in known.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        found = {*distributions.read(Path(folder)), *distributions.read(libraries)}
    ordered = sorted(found, key=distributions.order)
    image_context.tell_contents(context, ordered, contents, bundle_sha256, labels[f"{prefix}version"])


def _smoke(engine: Engine, digest: str) -> str:
    """Return the bundle's hash that the function itself answers with."""
    try:
        said = engine.run_once(digest, "python3", "-c", _ASK, timeout_s=120)
        return str(json.loads(said.splitlines()[-1])["model"]["bundle_sha256"])
    except (EngineError, ValueError, LookupError) as error:
        raise VerdictError(f"image {digest[:19]}", f"answers no event ({error})", "Correct it") from error
