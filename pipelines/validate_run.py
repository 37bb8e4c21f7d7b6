"""The work of `validate`, apart from its command line because its libraries take seconds to load."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from pipelines import entry_point
from scanops import cluster, imaging
from scanops.atomic import replacing, write_json
from scanops.data import manifest
from scanops.data.gather import Means
from scanops.data.layout import Layout
from scanops.data.survey import survey
from scanops.errors import ImageError, VerdictError
from scanops.evaluation import plots
from scanops.quality import declared, judgement, page, reference, report, samples
from scanops.validation_rules import Validation

THUMBNAIL_PX = 320


def run(args: argparse.Namespace, raw: Path, found: Layout, rules: Validation) -> None:
    """Read every image, judge the whole, and write what was asked for.

    Args:
        args: See `validate_command.arguments`.
        raw: The folder of images.
        found: Its files.
        rules: The rules in force.

    Raises:
        ConfigError: An expectation or the reference is wrong; nothing was read.
        VerdictError: The data fail; what was asked for is written.
    """
    asked = declared.read(args.expectations, manifest.SCHEMA.names)
    accepted = reference.read(args.reference).datasets.get(args.dataset) if args.dataset else None
    # An archive is unpacked to another place each time.
    cache = entry_point.cache_folder() if args.path.is_dir() and not args.no_cache else None
    frame = survey(
        raw,
        found.placed,
        rules,
        Means(args.workers, cluster.address_from(os.environ), cache, entry_point.bar),
    )
    with tempfile.TemporaryDirectory() as scratch:
        judged = judgement.judge(frame, rules, args.docs or Path(scratch) / "docs", asked, accepted)
    summary = report.summarise(frame, judged, found.unplaced, args.dataset)
    _write(args, raw, frame, summary, rules)
    print(report.sentence(summary))
    if summary["verdict"] == "fail":
        where = args.html or args.json or "the report of --html FILE"
        missed = f"do not meet: {'; '.join(judgement.missed(judged))}"
        raise VerdictError("the data", missed, f"See {where}; mend the data or the thresholds")


def _write(
    asked: argparse.Namespace, raw: Path, frame: pd.DataFrame, summary: dict[str, Any], rules: Validation
) -> None:
    if asked.manifest:
        manifest.write(frame, asked.manifest)
    if asked.html:
        title = f"Validation of {asked.dataset or asked.path.name}"
        # What the scan could not read is not tried again here, where nothing would stand in between.
        readable = set(frame.loc[frame["pixel_sha256"].notna(), "path"])
        text = page.render(
            frame, summary, lambda path: _picture(raw, path) if path in readable else None, title, rules
        )
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
