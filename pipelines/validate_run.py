"""The work of `validate`, apart from its command line because its libraries take seconds to load."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from PIL import Image

from pipelines import entry_point
from scanops import cluster, filenames, imaging
from scanops.atomic import replacing, write_json
from scanops.data import layout, manifest
from scanops.data.gather import Means
from scanops.data.layout import Layout
from scanops.data.survey import look
from scanops.errors import ImageError, VerdictError
from scanops.evaluation import plots
from scanops.quality import declared, judgement, page, reference, report, samples
from scanops.quality.declared import Declared
from scanops.quality.profile import Profile
from scanops.validation_rules import Validation

THUMBNAIL_PX = 320


class Wanted(NamedTuple):
    """What is asked of the data beside the rules of the parameters.

    Attributes:
        declared: Expectations of the engineers.
        accepted: Profile of the data accepted before; None without one.
    """

    declared: Declared
    accepted: Profile | None


def read_wanted(args: argparse.Namespace) -> Wanted:
    """Read the expectations and the reference.

    Args:
        args: See `validate_command.arguments`.

    Raises:
        ConfigError: One of them is wrong.
    """
    own = declared.read(args.expectations, manifest.SCHEMA.names)
    return Wanted(own, reference.read(args.reference).datasets.get(args.dataset) if args.dataset else None)


def run(args: argparse.Namespace, raw: Path, found: Layout, rules: Validation, wanted: Wanted) -> None:
    """Read every image, judge the whole, and write what was asked for.

    Args:
        args: See `validate_command.arguments`.
        raw: The folder of images.
        found: Its files.
        rules: The rules in force.
        wanted: What is asked beside them.

    Raises:
        ConfigError: An expectation cannot be put to these data.
        VerdictError: The data fail; what was asked for is written.
    """
    # An archive is unpacked to another place each time.
    cache = entry_point.cache_folder() if args.path.is_dir() and not args.no_cache else None
    surveyed = look(
        raw,
        found.placed,
        rules,
        Means(args.workers, cluster.address_from(os.environ), cache, entry_point.bar),
    )
    frame = surveyed.manifest
    with tempfile.TemporaryDirectory() as scratch:
        judged = judgement.judge(frame, rules, args.docs or Path(scratch) / "docs", *wanted)
    pairs = surveyed.near_duplicate_pairs
    summary = report.summarise(frame, judged, found.unplaced, args.dataset, pairs)
    _write(args, raw, frame, summary, rules)
    print(report.sentence(summary))
    if summary["verdict"] == "fail":
        where = args.html or args.json or "the report of --html FILE"
        faults = [f"do not meet: {'; '.join(judgement.missed(judged))}"]
        remedies = [f"See {where}; mend the data or the thresholds"]
        if lack := layout.lack_of_classes(found):
            faults, remedies = [lack, *faults], [layout.REMEDY, *remedies]
        raise VerdictError("the data", "; they ".join(faults), ". ".join(remedies))


def _write(
    asked: argparse.Namespace, raw: Path, frame: pd.DataFrame, summary: dict[str, Any], rules: Validation
) -> None:
    if asked.manifest:
        manifest.write(frame, asked.manifest)
    if asked.html:
        # Resolved, as `.` has no name; the root of all folders has none even so.
        place = asked.path.resolve()
        title = f"Validation of {asked.dataset or filenames.to_text(place.name or str(place))}"
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
