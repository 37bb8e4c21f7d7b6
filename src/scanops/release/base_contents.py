"""What a base image holds: its Python and its Debian packages, as the image itself says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.parser import HeaderParser

from scanops.errors import OutsideError
from scanops.release.engine import Engine, EngineError

# dpkg's list of packages is one file, or one file a package where an image was made without dpkg.
_ASK = """
import glob, json, os, platform, sys
files = ['/var/lib/dpkg/status', *sorted(glob.glob('/var/lib/dpkg/status.d/*'))]
files = [path for path in files if os.path.isfile(path) and not path.endswith('.md5sums')]
try:
    system = platform.freedesktop_os_release()
except OSError:
    system = {}
print(json.dumps({
    'python': platform.python_version(),
    'own_python': sys.base_prefix != '/usr',
    'system': system.get('ID', ''),
    'release': system.get('VERSION_ID', ''),
    'dpkg': '\\n\\n'.join(open(path, encoding='utf-8', errors='replace').read() for path in files),
}))
"""


@dataclass(frozen=True, order=True)
class DebianPackage:
    """An installed package.

    Attributes:
        name: The binary package.
        version: With epoch and revision.
        architecture: Such as `amd64` or `all`.
        source: The source package that it was built from; advisories name that one.
    """

    name: str
    version: str
    architecture: str
    source: str


@dataclass(frozen=True)
class Contents:
    """What a base image holds.

    Attributes:
        reference: The image.
        python: Full version of its Python.
        own_python: Whether that Python is no Debian package.
        system: `ID` of its os-release: `debian`, `ubuntu`; empty where it has none.
        release: `VERSION_ID` of its os-release.
        packages: Sorted; empty where the image has no list of them.
    """

    reference: str
    python: str
    own_python: bool
    system: str
    release: str
    packages: tuple[DebianPackage, ...]

    @property
    def python_minor(self) -> tuple[int, int]:
        """Version of its Python: major, minor."""
        major, minor = self.python.split(".")[:2]
        return int(major), int(minor)


def read(engine: Engine, reference: str) -> Contents:
    """Ask a base image what it holds.

    Args:
        engine: The engine that has it.
        reference: The image.

    Returns:
        Its contents.

    Raises:
        OutsideError: It does not answer.
    """
    try:
        said = json.loads(engine.run_once(reference, "python3", "-c", _ASK))
    except (EngineError, ValueError) as error:
        fault = f"does not say what it holds ({error})"
        raise OutsideError(
            f"base image {reference}", fault, "Set image.base to one that has Python"
        ) from error
    packages = parse(said["dpkg"])
    return Contents(reference, said["python"], said["own_python"], said["system"], said["release"], packages)


def parse(status: str) -> tuple[DebianPackage, ...]:
    """Read dpkg's list of packages (deb822, see deb-control(5) and dpkg(1)).

    Args:
        status: The text of `/var/lib/dpkg/status`.

    Returns:
        The packages that are installed, sorted; what was removed and left its settings is none.
    """
    found = []
    for paragraph in status.split("\n\n"):
        fields = HeaderParser().parsestr(paragraph.strip("\n"))
        # Images made without dpkg state no status: what they list is there.
        installed = fields.get("Status", "install ok installed").split()[-1] == "installed"
        if not fields["Package"] or not installed:
            continue
        source = fields.get("Source", fields["Package"]).split(" ")[0]
        found.append(
            DebianPackage(fields["Package"], fields["Version"], fields.get("Architecture", "all"), source)
        )
    return tuple(sorted(found))
