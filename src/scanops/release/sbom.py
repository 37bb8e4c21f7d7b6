"""The software bill of materials of an image, CycloneDX 1.6 as JSON (ECMA-424, cyclonedx.org)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from scanops.release.base_contents import Contents, DebianPackage
from scanops.release.distributions import NOT_STATED, Distribution

NAME = "sbom.cdx.json"


def write(distributions: Sequence[Distribution], base: Contents, bundle_sha256: str, version: str) -> str:
    """Write the bill of one image. It holds no time: the same contents give the same bytes.

    Args:
        distributions: The Python distributions in it.
        base: What it stands on.
        bundle_sha256: The model in it.
        version: Of ScanOps.

    Returns:
        JSON. Its serial number is derived from its contents.
    """
    parts = [_model(bundle_sha256), *map(_library, distributions), *_system(base)]
    image = Component(
        name="scanops",
        version=version,
        type=ComponentType.CONTAINER,
        bom_ref="scanops",
        properties=[Property(name="scanops:base", value=base.reference)],
    )
    if not base.packages:
        image.properties.add(Property(name="scanops:base_packages", value="not listed by the base image"))
    bom = Bom(components=parts)
    bom.metadata.component = image
    bom.register_dependency(image, parts)
    bom.serial_number = uuid.UUID(int=0)
    serial = uuid.uuid5(uuid.NAMESPACE_URL, _json(bom))
    bom.serial_number = serial
    return _json(bom)


def _json(bom: Bom) -> str:
    values = json.loads(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string())
    # The library states the time of writing, which the schema asks nobody for.
    del values["metadata"]["timestamp"]
    return json.dumps(values, indent=1, sort_keys=True) + "\n"


def _model(sha256: str) -> Component:
    return Component(
        name="scanops-bundle",
        version=sha256[:12],
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"bundle:{sha256}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)],
    )


def _library(item: Distribution) -> Component:
    purl = PackageURL("pypi", name=item.name.lower().replace("_", "-"), version=item.version)
    stated = [] if item.licence == NOT_STATED else [LicenseFactory().make_from_string(item.licence)]
    return Component(
        name=item.name,
        version=item.version,
        description=item.summary or None,
        licenses=stated,
        purl=purl,
        bom_ref=str(purl),
    )


def _system(base: Contents) -> Iterable[Component]:
    if base.own_python:
        purl = PackageURL("generic", name="python", version=base.python)
        licences = [LicenseFactory().make_with_id("PSF-2.0")]
        yield Component(name="python", version=base.python, licenses=licences, purl=purl, bom_ref=str(purl))
    if base.system:
        yield Component(
            name=base.system,
            version=base.release or None,
            type=ComponentType.OPERATING_SYSTEM,
            bom_ref=f"system:{base.system}",
        )
    yield from (_package(item, base) for item in base.packages)


def _package(item: DebianPackage, base: Contents) -> Component:
    qualifiers = {"arch": item.architecture}
    if base.system:
        qualifiers["distro"] = f"{base.system}-{base.release}"
    if item.source != item.name:
        qualifiers["upstream"] = item.source
    purl = PackageURL("deb", base.system or "debian", item.name, item.version, qualifiers)
    return Component(name=item.name, version=item.version, purl=purl, bom_ref=str(purl))
