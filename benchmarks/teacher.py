"""A trunk for the yes/no set that the 4-class set has taught, without what the two sets share.

The 4-class set holds copies of yes/no pictures, of the test split too. Each of its pictures that looks like
any picture of the yes/no set is left out before the network learns, and so is whatever looks like that one
in turn. The rest is split by content, and learned by the 4-class recipe. SCANOPS_MIRROR has to name the
folder of the archives.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks import stages
from benchmarks.public_recipes import SETS
from scanops import config
from scanops.data import duplicates, layout, sources, splits
from scanops.data.gather import gather
from scanops.data.scan import Facts
from scanops.training import archive, classifier
from scanops.validation_rules import Validation

OTHER = "brain-tumor-yes-no"
# Far below what makes a near duplicate: rather a neighbouring slice is left out as well than a copy kept.
LEAST_SIMILARITY = 0.85


def main() -> None:
    """Write the trunk."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True, help="trunk that ImageNet taught")
    parser.add_argument("--trunk", type=Path, required=True, help=".keras file to write")
    options = parser.parse_args()
    mirror = os.environ.get("SCANOPS_MIRROR")
    if not mirror or not options.weights.is_file():
        parser.error("set SCANOPS_MIRROR to the folder of the archives, and --weights to a file")
    print(teach(options.weights, options.trunk, Path(mirror).resolve()))


def teach(weights: Path, trunk: Path, mirror: Path) -> str:
    """Train the network of the 4-class set on what the yes/no set does not hold, and keep its trunk.

    Args:
        weights: Trunk to start from.
        trunk: The `.keras` file to write.
        mirror: Folder of the archives.

    Returns:
        How many files were left out, in words.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = (*SETS["4-class"], f"training.weights={weights.resolve()}")
        clone = stages.clone(Path(folder), words)
        stages.run(clone, ("pull", "validate", "split"), mirror)
        params, other = config.load(clone / "params.yaml"), Path(folder) / "other"
        sources.fetch(params.sources[OTHER], other, mirror=mirror, cache=mirror)
        shared = resembling(clone / "data/raw", other, params.validation)
        place = clone / "data/splits.parquet"
        splits.write(without(pd.read_parquet(place), shared), place)
        stages.run(clone, ("train",), mirror)
        archive.save(archive.load(clone / "data/model.keras").get_layer(classifier.TRUNK), trunk)
    return f"teacher: left out {len(shared)} files that look like one of {OTHER}"


def without(divided: pd.DataFrame, shared: set[str]) -> pd.DataFrame:
    """Take pictures out of every part of a split.

    Args:
        divided: The splits.
        shared: Paths of the pictures.

    Returns:
        The other rows.
    """
    return divided[~divided["path"].isin(shared)]


def resembling(root: Path, other: Path, rules: Validation) -> set[str]:
    """Find the images of one folder that look like any image of another, directly or through others.

    Args:
        root: Folder to look in.
        other: Folder to compare with.
        rules: Bounds; the threshold is `LEAST_SIMILARITY`.

    Returns:
        Paths relative to `root`.
    """
    ours, theirs = _facts(root, rules), _facts(other, rules)
    every = [*ours, *theirs]
    alike = duplicates.compare(every, LEAST_SIMILARITY)
    pictures = [link.picture for link in duplicates.link(every, [None] * len(every), alike)]
    known = set(pictures[len(ours) :])
    return {one.path for one, picture in zip(ours, pictures, strict=False) if picture in known}


def _facts(root: Path, rules: Validation) -> Sequence[Facts]:
    return gather(root, layout.classify(layout.find(root)).placed, rules).facts


if __name__ == "__main__":
    main()
