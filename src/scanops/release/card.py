"""The model card goes where the bundle goes: `evaluate` writes it, image and registry take both."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scanops.bundle import bundle as bundles
from scanops.errors import ConfigError, VerdictError

NAME = "model_card.md"
MOST_DESCRIBED = 5000  # characters that MLflow keeps of a version's description


def read(card: Path, bundle_sha256: str) -> str:
    """Read a card, and refuse that of another bundle.

    Args:
        card: What `evaluate` wrote.
        bundle_sha256: The bundle that is to ship.

    Returns:
        Its text.

    Raises:
        ConfigError: The card cannot be read.
        VerdictError: It is about another bundle.
    """
    try:
        text = card.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(card), f"cannot be read ({error})", "Make it with `make repro`") from error
    if bundle_sha256 not in text:
        fault = f"is not about bundle {bundle_sha256[:12]}"
        raise VerdictError(str(card), fault, "Evaluate this bundle first: `make repro`")
    return text


def described(bundle: Path) -> str | None:
    """Take the card that lies in a bundle's folder, for people to read in MLflow's page.

    Args:
        bundle: The bundle's folder.

    Returns:
        As much of it as MLflow keeps, or None where there is none.
    """
    held = bundle / NAME
    if not held.is_file():
        return None
    text, rest = held.read_text(encoding="utf-8"), f"\n\nThe rest: `{NAME}` in the bundle.\n"
    return (
        text if len(text) <= MOST_DESCRIBED else text[: MOST_DESCRIBED - len(rest)].rpartition("\n")[0] + rest
    )


@contextmanager
def with_bundle(bundle: Path, card: Path) -> Iterator[Path]:
    """Put a card into a copy of its bundle. The bundle's hash does not change: it is of its description.

    Args:
        bundle: The bundle's folder, which stays as it is.
        card: What `evaluate` wrote about it.

    Yields:
        A folder `bundle` with the files of both, gone after the block.

    Raises:
        ConfigError: The card cannot be read.
        VerdictError: It is about another bundle.
    """
    text = read(card, bundles.hash_bundle(bundle))
    with tempfile.TemporaryDirectory(prefix="scanops-card-") as scratch:
        folder = Path(scratch) / "bundle"
        shutil.copytree(bundle, folder)
        (folder / NAME).write_text(text, encoding="utf-8")
        yield folder
