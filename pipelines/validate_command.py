"""The command line of `validate`: what it may be given, and what it leaves."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from pipelines import entry_point
from scanops import imaging
from scanops.atomic import replacing, write_json
from scanops.data import manifest
from scanops.errors import ImageError
from scanops.evaluation import plots
from scanops.quality import page, samples
from scanops.validation_rules import Validation

OUTPUTS = (
    ("--json", "FILE", "report to write"),
    ("--html", "FILE", "page to write, for people; it needs no other file"),
    ("--manifest", "FILE", "Parquet table to write, one row an image"),
    ("--docs", "DIR", "folder for Great Expectations' Data Docs"),
    ("--plots", "DIR", "folder of plots to write"),
)
THUMBNAIL_PX = 320


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


def write(
    asked: argparse.Namespace, raw: Path, frame: pd.DataFrame, summary: dict[str, Any], rules: Validation
) -> None:
    """Write what was asked for.

    Args:
        asked: A path, or None, for each of `OUTPUTS`.
        raw: The folder of images.
        frame: The manifest.
        summary: The report.
        rules: The rules in force.
    """
    if asked.manifest:
        manifest.write(frame, asked.manifest)
    if asked.html:
        title = f"Validation of {asked.dataset or asked.path.name}"
        text = page.render(frame, summary, lambda path: _picture(raw, path), title, rules)
        with replacing(asked.html) as draft:
            draft.write_text(text, encoding="utf-8")
    if asked.plots:
        chosen = samples.choose(frame)
        pictures = [imaging.read(raw, path).pixels for path in chosen["path"]]
        drawn = plots.sample_grid(pictures, list(chosen["label"]), heading="Usable images")
        with replacing(asked.plots) as folder:
            folder.mkdir()
            (folder / "samples.png").write_bytes(drawn)
    if asked.json:
        write_json(asked.json, summary)


def _picture(raw: Path, path: str) -> Image.Image | None:
    """Give a small picture of an image; None where there is none."""
    try:
        picture = imaging.read(raw, path).picture
    except (ImageError, OSError):
        return None
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return picture
