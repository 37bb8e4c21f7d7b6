"""The command line of `validate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines import entry_point

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
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: the cores there are)")
    parser.add_argument("--no-cache", action="store_true", help="read every file, remember nothing")
    return parser.parse_args()
