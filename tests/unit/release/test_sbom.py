"""What an image holds is read from itself, and told the same way every time."""

from __future__ import annotations

import json
from email.message import Message
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scanops.errors import OutsideError
from scanops.release import base_contents, distributions, licences, sbom
from scanops.release.base_contents import Contents, DebianPackage
from scanops.release.engine import Engine, EngineError

STATUS = """Package: zlib1g
Status: install ok installed
Architecture: amd64
Source: zlib (1:1.2.13)
Version: 1:1.2.13.dfsg-1
Description: compression library
 lines that go on,
 Package: not a field
Conffiles:
 /etc/x 00

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: base-files
Architecture: amd64
Version: 12.4
"""
PACKAGES = (
    DebianPackage("base-files", "12.4", "amd64", "base-files"),
    DebianPackage("zlib1g", "1:1.2.13.dfsg-1", "amd64", "zlib"),
)
BASE = Contents("base:1", "3.11.2", False, "debian", "12", PACKAGES)


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """Give a folder with two distributions: one says everything, the other next to nothing."""
    told = tmp_path / "told_all-1.0.dist-info"
    (told / "licenses").mkdir(parents=True)
    (told / "licenses" / "LICENSE").write_text("words", encoding="utf-8")
    (told / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: told-all\nVersion: 1.0\nSummary: It tells\n"
        "License-Expression: MIT OR Apache-2.0\n",
        encoding="utf-8",
    )
    (told / "RECORD").write_text(
        "told_all-1.0.dist-info/licenses/LICENSE,,\ntold/LICENSE,,\ntold/licence.py,,\n", encoding="utf-8"
    )
    bare = tmp_path / "Bare-2.dist-info"
    bare.mkdir()
    (bare / "METADATA").write_text("Metadata-Version: 2.1\nName: Bare\nVersion: 2\n", encoding="utf-8")
    (bare / "RECORD").write_text("bare/NOTICE.txt,,\nbare/notice.py,,\n../bin/LICENSE,,\n", encoding="utf-8")
    for text in ("bare/NOTICE.txt", "told/LICENSE"):  # a file that is listed and not there is no text
        (tmp_path / text).parent.mkdir()
        (tmp_path / text).write_text("words", encoding="utf-8")
    return tmp_path


def test_installed_packages_are_read_from_dpkg_s_list() -> None:
    """What was removed is left out, a source's own name is kept, text that looks like a field is none."""
    assert base_contents.parse(STATUS) == PACKAGES
    assert base_contents.parse("") == ()


def test_distributions_tell_their_licence_and_where_its_words_are(libraries: Path) -> None:
    """Words beside the metadata come before copies among the code; code and files elsewhere are none."""
    bare, told = distributions.read(libraries)
    assert (told.name, told.licence, told.summary) == ("told-all", "MIT OR Apache-2.0", "It tells")
    assert told.texts == ("told_all-1.0.dist-info/licenses/LICENSE",)
    assert (bare.name, bare.licence, bare.texts) == ("Bare", distributions.NOT_STATED, ("bare/NOTICE.txt",))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("License-Expression", "MIT"), ("License", "x")], "MIT"),
        ([("Classifier", "License :: OSI Approved :: MIT License"), ("License", "x")], "MIT License"),
        (
            [("Classifier", "License :: OSI Approved"), ("License", "3-Clause BSD License")],
            "3-Clause BSD License",
        ),
        ([("License", "Copyright " + "word " * 40)], distributions.NOT_STATED),
        ([], distributions.NOT_STATED),
    ],
)
def test_a_licence_is_found_in_metadata_of_any_age(fields: list[tuple[str, str]], expected: str) -> None:
    """The expression first, then the classifiers, then the free words; a whole licence is no name of one."""
    message = Message()
    for name, value in fields:
        message[name] = value
    assert distributions.licence(message) == expected


@pytest.mark.parametrize("base", [BASE, Contents("base:1", "3.13.1", True, "", "", ())])
def test_the_bill_fits_its_schema_and_holds_no_clock(libraries: Path, base: Contents) -> None:
    """The same contents give the same bytes, and other contents another serial number."""
    found = distributions.read(libraries)
    bill = sbom.write(found, base, "ab" * 32, "1")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    assert sbom.write(found, base, "ab" * 32, "1") == bill
    assert "timestamp" not in json.loads(bill)["metadata"]
    other = sbom.write(found[:1], base, "ab" * 32, "1")
    assert json.loads(other)["serialNumber"] != json.loads(bill)["serialNumber"]


def test_a_package_is_named_so_that_advisories_find_it(libraries: Path) -> None:
    """Package URLs carry the distribution's release and the source package."""
    bill = json.loads(sbom.write(distributions.read(libraries), BASE, "ab" * 32, "1"))
    purls = {part["name"]: part.get("purl") for part in bill["components"]}
    assert purls["zlib1g"] == (
        "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12&upstream=zlib"
    )
    assert purls["told-all"] == "pkg:pypi/told-all@1.0"


def test_a_base_without_a_list_of_packages_is_said_to_have_none(libraries: Path) -> None:
    """Nobody is to take an empty list for a complete one; a Python of the base's own is named."""
    base = Contents("base:1", "3.13.1", True, "", "", ())
    bill = json.loads(sbom.write(distributions.read(libraries), base, "ab" * 32, "1"))
    said = {item["name"]: item["value"] for item in bill["metadata"]["component"]["properties"]}
    assert said["scanops:base_packages"] == "not listed by the base image"
    assert "pkg:generic/python@3.13.1" in {part.get("purl") for part in bill["components"]}
    text = licences.write(distributions.read(libraries), base, "/lib")
    assert "no list of packages" in text
    assert "Python 3.13.1: PSF-2.0" in text


def test_a_base_that_does_not_answer_is_told() -> None:
    """An image without Python ends with the remedy, not with a traceback."""

    class Silent(Engine):
        def run_once(self, *_arguments: str, **_options: object) -> str:
            raise EngineError("docker", "no python3", "See")

    with pytest.raises(OutsideError, match=r"base:1: does not say what it holds .*image\.base"):
        base_contents.read(Silent("docker", "docker", "1"), "base:1")
