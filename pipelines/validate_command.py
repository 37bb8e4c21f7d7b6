"""The command line of `validate`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pipelines import entry_point
from scanops.config import Config
from scanops.errors import ConfigError

OUTPUTS = (
    ("--json", "FILE", "report to write"),
    ("--html", "FILE", "page to write, for people; it needs no other file"),
    ("--manifest", "FILE", "Parquet table to write, one row an image"),
    ("--docs", "DIR", "folder for Great Expectations' Data Docs"),
    ("--plots", "DIR", "folder of plots to write"),
)


def arguments(doc: str | None) -> argparse.Namespace:
    """Parse the command line.

    Args:
        doc: The command's docstring.
    """
    parser = entry_point.parser(doc)
    parser.add_argument(
        "path",
        type=Path,
        nargs="?",
        default=Path("data/raw"),
        metavar="PATH",
        help="folder, zip or tar (default: data/raw)",
    )
    for name, metavar, meaning in OUTPUTS:
        parser.add_argument(name, type=Path, metavar=metavar, help=meaning)
    parser.add_argument("--dataset", help="its name in params.yaml, for drift since the accepted version")
    parser.add_argument(
        "--reference", type=Path, default=Path("reference.json"), metavar="FILE", help="the accepted profiles"
    )
    parser.add_argument(
        "--expectations",
        type=Path,
        default=Path("expectations.yaml"),
        metavar="FILE",
        help="expectations of your own",
    )
    parser.add_argument(
        "--workers", type=_count, metavar="N", help="processes (default: the cores there are)"
    )
    parser.add_argument("--no-cache", action="store_true", help="read every file, remember nothing")
    args = parser.parse_args()
    kinds = {option: metavar for option, metavar, _ in OUTPUTS}
    for option, output in outputs(args).items():
        _require_safe(option, output, args.path, folder=kinds[option] == "DIR")
    return args


def outputs(args: argparse.Namespace) -> dict[str, Path]:
    """Name what is to be written.

    Args:
        args: What `arguments` returns.

    Returns:
        The place of each output that was asked for, by its option.
    """
    places = {option: getattr(args, option.removeprefix("--")) for option, _, _ in OUTPUTS}
    return {option: place for option, place in places.items() if place is not None}


def require_known(dataset: str | None, params: Config) -> None:
    """Refuse the name of a data set that does not exist: it would be compared with nothing, silently.

    Args:
        dataset: What `--dataset` says.
        params: The parameters, whose sources have the names.

    Raises:
        ConfigError: It is not one of them.
    """
    if dataset is not None and dataset not in params.sources:
        known = ", ".join(params.sources)
        raise ConfigError(
            f"--dataset {dataset}", "is not in `sources` of the parameters", f"Name one of {known}"
        )


def _count(text: str) -> int:
    """Read a number of workers."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return int(text)


def _require_safe(option: str, output: Path, data: Path, *, folder: bool) -> None:
    """Refuse an output that would take the place of something that is not an earlier output.

    Raises:
        ConfigError: It would.
    """
    subject, place, source = f"{option} {output}", output.resolve(), data.resolve()
    if place == source or place.is_relative_to(source) or source.is_relative_to(place):
        raise ConfigError(subject, "would lie in the data, or take their place", "Name a place beside them")
    if output.exists() and output.is_dir() != folder:
        raise ConfigError(subject, f"is a {'file' if folder else 'folder'} already", "Name another place")
    if folder and output.is_dir() and not _is_earlier(option, output):
        raise ConfigError(subject, "is a folder with other things in it", "Name a new folder, or empty it")
    above = next(parent for parent in place.parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise ConfigError(
            subject, f"cannot be made: {above} is no folder that can be written", "Name another place"
        )


def _is_earlier(option: str, folder: Path) -> bool:
    """Say whether a folder is empty or was written by this command."""
    names = {path.name for path in folder.iterdir()}
    return (
        not names
        or names == {"samples.png"}
        or (option == "--docs" and {"index.html", "expectations"} <= names)
    )
