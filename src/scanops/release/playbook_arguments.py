"""What a person or a CI hands to a playbook, checked first: Ansible fills in any `{{ … }}` in a variable."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from scanops.errors import ConfigError

# A rollback may name the beginning of a digest: the histories of hosts know the rest.
FORMS = {"rollback": re.compile(r"sha256:[0-9a-f]{1,64}")}
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest(playbook: str, given: str) -> str:
    """Take the digest out of what was given.

    Args:
        playbook: A rollback may name its beginning.
        given: `name@sha256:…`, `sha256:…`, or nothing.

    Returns:
        `sha256:…`, or nothing.

    Raises:
        ConfigError: It is no digest.
    """
    bare = given.rpartition("@")[2]
    if given and not FORMS.get(playbook, DIGEST).fullmatch(bare):
        raise ConfigError(f"digest {given!r}", "is none", "Give DIGEST=sha256: and 64 hexadecimal digits")
    return bare


def variables(digest: str, archive: Path | None) -> list[str]:
    """Lay out the variables of a playbook as one argument of JSON, which nobody splits again.

    Args:
        digest: As `digest` returned it.
        archive: The image for hosts without a registry.

    Returns:
        Arguments of ansible-playbook; none where nothing is given.

    Raises:
        ConfigError: There is no such archive.
    """
    given = {"model_service_digest": digest} if digest else {}
    if archive:
        if not archive.is_file():
            remedy = "Write it with `make export-image`, or correct ARCHIVE"
            raise ConfigError(f"archive {archive}", "is not there", remedy)
        given["model_service_archive"] = str(archive.resolve())
    return ["-e", json.dumps(given)] if given else []


def with_control_node(arguments: Sequence[str]) -> list[str]:
    """Keep the control node in every `--limit`: its plays begin a run, and tell what became of it.

    Args:
        arguments: Of ansible-playbook.

    Returns:
        The same, `localhost` among the hosts of each limit.
    """
    kept: list[str] = []
    for before, word in zip(["", *arguments], arguments, strict=False):
        limit = re.fullmatch(r"(--limit=|-l(?=[^-]))(.+)", word, re.DOTALL)
        if before in ("--limit", "-l"):
            kept.append(_and_here(word))
        else:
            kept.append(f"{limit[1]}{_and_here(limit[2])}" if limit else word)
    return kept


def _and_here(limit: str) -> str:
    # Ansible takes a pattern that only leaves hosts out as one of all hosts, but not once a host is named.
    named = any(part and part[0] not in "!&" for part in re.split("[,:]", limit))
    return f"{limit},localhost" if named else f"all,localhost,{limit}"


def words(more: str) -> list[str]:
    """Split further arguments as a shell would, and run nothing in them.

    Args:
        more: Such as `--limit 'rack-1,rack-2' --check`.

    Returns:
        The arguments.

    Raises:
        ConfigError: A quote is not closed.
    """
    try:
        return shlex.split(more)
    except ValueError as error:
        raise ConfigError(f"MORE `{more}`", f"cannot be split ({error})", "Close the quotes") from error
