"""What an operator has set for the service, handed to its container: values as they are, files as mounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from scanops.errors import ConfigError

TOKENS, FEEDBACK = "SCANOPS_TOKENS", "SCANOPS_FEEDBACK"
TOKENS_INSIDE = "/run/scanops/tokens"
FEEDBACK_INSIDE = "/feedback"  # in the image it belongs to the service's user; see docker/Dockerfile


def options(environ: Mapping[str, str], variables: Iterable[str]) -> list[str]:
    """Give the options of `run` that bring the settings of this environment into a container.

    Args:
        environ: Where they are looked for; what is empty or missing is left to the service's defaults.
        variables: Names of those that the service reads.

    Returns:
        Arguments of `run`. The file of tokens is mounted read-only; of the feedback store its folder is
        mounted, as SQLite keeps a log beside it.

    Raises:
        ConfigError: The file of tokens, or the folder of the store, is not there.
    """
    found: list[str] = []
    for name in sorted({*variables, FEEDBACK}):
        value = environ.get(name)
        if value and name == TOKENS:
            found += _mount(_require(name, Path(value), Path.is_file), TOKENS_INSIDE, "readonly")
            value = TOKENS_INSIDE
        elif value and name == FEEDBACK:
            found += _mount(_require(name, Path(value).parent, Path.is_dir), FEEDBACK_INSIDE)
            value = f"{FEEDBACK_INSIDE}/{Path(value).name}"
        if value:
            found += ["--env", f"{name}={value}"]
    return found


def _require(name: str, path: Path, is_there: Callable[[Path], bool]) -> Path:
    # An engine would make a folder of root's in the place of what is missing.
    if not is_there(path):
        raise ConfigError(f"{name} {path}", "is not there", "Make it, or leave the variable empty")
    return path.resolve()


def _mount(source: Path, target: str, *more: str) -> list[str]:
    # The option is a line of CSV: a comma or a quote in a path would end its field.
    fields = ("type=bind", f"source={source}", f"target={target}", *more)
    return ["--mount", ",".join('"' + field.replace('"', '""') + '"' for field in fields)]
