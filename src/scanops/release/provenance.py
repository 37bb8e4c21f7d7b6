"""Where an image comes from, as a SLSA provenance statement that its registry keeps beside it.

The statement (https://in-toto.io/Statement/v1, https://slsa.dev/provenance/v1) is attached as an OCI
referrer: an artefact whose subject is the image. It is not signed: it says where to look, and proves nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scanops import reports
from scanops.digest import hash_bytes, hash_file
from scanops.release.image_registry import OCI_INDEX, OCI_MANIFEST, AbsentError, ImageRegistry

IN_TOTO = "application/vnd.in-toto+json"
EMPTY = "application/vnd.oci.empty.v1+json"


def attach(registry: ImageRegistry, pushed: Mapping[str, Any], image: Path, gate: Path) -> str:
    """Write the statement about an image, and store it beside the image.

    Args:
        registry: What holds the image.
        pushed: What `reports/push.json` says of it.
        image: `reports/image.json`.
        gate: The gate's report.

    Returns:
        The digest of the artefact that holds the statement.
    """
    digest = str(pushed["digest"])
    content = _bytes(statement(registry.repository, pushed, reports.read(image), gate))
    about, kind = registry.manifest(digest)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": IN_TOTO,
        "config": {"mediaType": EMPTY, "digest": registry.put_blob(b"{}"), "size": 2},
        "layers": [{"mediaType": IN_TOTO, "digest": registry.put_blob(content), "size": len(content)}],
        "subject": {"mediaType": kind, "digest": digest, "size": len(about)},
    }
    held = _bytes(manifest)
    name = f"sha256:{hash_bytes(held)}"
    answer = registry.put_manifest(name, held, OCI_MANIFEST)
    if "oci-subject" not in map(str.lower, answer):
        # A registry from before there were referrers: an index under an agreed tag lists them.
        described = {"mediaType": OCI_MANIFEST, "artifactType": IN_TOTO, "digest": name, "size": len(held)}
        _list_under_tag(registry, digest.replace(":", "-"), described)
    return name


def statement(
    repository: str,
    pushed: Mapping[str, Any],
    image: Mapping[str, Any],
    gate: Path,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, Any]:
    """Say what an image was built from, by what.

    Args:
        repository: Where the image is.
        pushed: What `reports/push.json` says of it.
        image: What `reports/image.json` says of it.
        gate: The gate's report.
        environ: A CI's variables name its run.
    """
    judged = reports.read(gate)
    job = environ.get("BUILD_URL", "")
    if environ.get("GITHUB_RUN_ID"):
        job = "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}".format_map(environ)
    made_of = {
        "bundle": {"sha256": str(pushed["bundle_sha256"])},
        "gate report": {"sha256": hash_file(gate)},
        "data": {"sha256": str(judged.get("data_sha256", ""))},
        "parameters": {"sha256": str(judged.get("params_sha256", ""))},
        "code": {"gitCommit": str(pushed["git_sha"])},
    }
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": repository, "digest": {"sha256": str(pushed["digest"]).removeprefix("sha256:")}}
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:scanops:pipeline:1",
                "externalParameters": {"stage": "image"},
                "internalParameters": {"base": image.get("base"), "engine": image.get("engine")},
                "resolvedDependencies": [
                    {"name": name, "digest": digest} for name, digest in made_of.items()
                ],
            },
            "runDetails": {
                "builder": {"id": "urn:scanops:ci" if job else "urn:scanops:workstation"},
                "metadata": {"invocationId": job} if job else {},
            },
        },
    }


def _list_under_tag(registry: ImageRegistry, tag: str, described: Mapping[str, Any]) -> None:
    try:
        index = dict(json.loads(registry.manifest(tag)[0]))
    except AbsentError:
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    if described not in index["manifests"]:
        index["manifests"].append(described)
        registry.put_manifest(tag, _bytes(index), OCI_INDEX)


def _bytes(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), sort_keys=True).encode()
