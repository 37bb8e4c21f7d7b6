"""The list of licences in an image, for people; the SBOM has the same for programs."""

from __future__ import annotations

from collections.abc import Sequence

from scanops.release.base_contents import Contents
from scanops.release.distributions import Distribution

NAME = "LICENCES.txt"


def write(distributions: Sequence[Distribution], base: Contents, libraries: str) -> str:
    """Write the list.

    Args:
        distributions: The Python distributions in the image.
        base: What the image stands on.
        libraries: The folder of the distributions in the image.

    Returns:
        Text: each distribution with its licence and the files that hold its words, then the packages.
    """
    lines = [
        "Licences of what this image holds. sbom.cdx.json beside this file lists the same for programs.",
        "",
        f"Python distributions in {libraries}; the licence is what the distribution's metadata state:",
        "",
    ]
    for item in distributions:
        lines.append(f"{item.name} {item.version}: {item.licence}")
        lines += [f"    {libraries}/{path}" for path in item.texts]
    lines += ["", f"The base image is {base.reference}."]
    if base.own_python:
        lines.append(f"Python {base.python}: PSF-2.0, https://docs.python.org/3/license.html")
    if base.packages:
        lines += ["Its packages; the licences of each are in /usr/share/doc/<name>/copyright:", ""]
        lines += [f"{item.name} {item.version}" for item in base.packages]
    else:
        lines.append("It has no list of packages that could be read.")
    return "\n".join(lines) + "\n"
