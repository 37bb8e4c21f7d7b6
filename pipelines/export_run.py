"""What `export` adds where eight bits are asked for: a smaller bundle, kept where it answers no worse."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd

from scanops import imaging
from scanops.bundle import abstain, export, footprint, parity, quantise
from scanops.bundle import bundle as bundles
from scanops.bundle.parity import Parity
from scanops.bundle.predictor import Floats, Predictor
from scanops.config import Config, Evaluation, Export, fingerprint
from scanops.errors import VerdictError
from scanops.evaluation import precision
from scanops.model_rules import Abstention
from scanops.monitoring import reference


@dataclass(frozen=True)
class HeldOut:
    """Pictures of the val split.

    Attributes:
        rows: N rows of the splits.
        pixels: uint8 [N, S, S, 3].
    """

    rows: pd.DataFrame
    pixels: imaging.Pixels


@dataclass(frozen=True)
class Shipped:
    """A bundle that may ship.

    Attributes:
        proto: Its graph.
        bundle: Its description, before calibration.
        probabilities: float32 [N, K] of its graph, for the pictures of the val split.
        comparison: What `precision.compare` returns, with `graph_bytes`; or `kept` and `refusal`.
        remark: For the terminal: the outcome, and times, which are in no report.
    """

    proto: onnx.ModelProto
    bundle: bundles.Bundle
    probabilities: Floats
    comparison: dict[str, Any] | None = None
    remark: str = ""


def describe(params: Config, held_out: pd.DataFrame, form: imaging.InputForm) -> dict[str, object]:
    """Gather what parameters and splits say of a bundle.

    Args:
        params: All parameters.
        held_out: Rows of the val split, which has every class.
        form: The network's input.

    Returns:
        Fields of `Bundle`.
    """
    shaping = (params.split, params.imaging, params.augmentation, params.training, params.export)
    return {
        "classes": tuple(sorted(held_out["label"].unique())),
        **vars(form),
        "params_sha256": fingerprint(*shaping, params.abstention),
    }


def calibration_pictures(
    rows: pd.DataFrame, pixels: imaging.Pixels, rules: Export, seed: int
) -> imaging.Pixels:
    """Choose the training pictures that the ranges of the eight bits are measured on.

    Args:
        rows: N rows of the train split.
        pixels: uint8 [N, S, S, 3], their pictures.
        rules: How many, and whether any.
        seed: Draws them.

    Returns:
        uint8 [M, S, S, 3]; none where float32 is asked for.
    """
    count = 0 if rules.precision == "float32" else rules.int8_calibration_images
    return np.asarray(pixels[quantise.spread(list(rows["label"]), count, seed)])


def convert(
    folder: Path, model: Any, images: imaging.Pixels, description: dict[str, object], rules: Export
) -> tuple[Shipped, Parity]:
    """Write the bundle in float32, and hold it to the model.

    Args:
        folder: An existing, empty folder.
        model: The trained Keras model.
        images: uint8 [N, S, S, 3], pictures of the val split.
        description: The fields of `Bundle`, but for the graph's hash.
        rules: Version of the operators, and how far a probability may be off.

    Returns:
        The bundle, and how closely it follows the model.

    Raises:
        VerdictError: It does not.
    """
    proto = export.convert(model, rules.opset)
    bundle = export.write(folder, proto, description)
    found = parity.compare(model, folder, images)
    parity.require(found, rules.parity_tolerance)
    return Shipped(proto, bundle, found.probabilities), found


def shrink(
    folder: Path,
    full: Shipped,
    shown: imaging.Pixels,
    held_out: HeldOut,
    rules: Export,
    settings: Evaluation,
) -> Shipped:
    """Replace a bundle by one in eight bits where that is asked for and answers no worse.

    Args:
        folder: Holds the bundle in float32.
        full: That bundle.
        shown: uint8 [M, S, S, 3], training pictures to measure ranges on.
        held_out: The pictures to compare on.
        rules: Precision and margin.
        settings: Resamples and seed of the interval.

    Returns:
        What the folder holds now.
    """
    if rules.precision == "float32":
        return full
    try:
        small = quantise.quantise(full.proto, shown)
    except VerdictError as refusal:
        reason = {"kept": False, "refusal": refusal.fault}
        return replace(full, comparison=reason, remark=f"\nint8 is not kept: {refusal}")
    described = full.bundle.model_dump(exclude={"graph_sha256"}) | {"precision": "int8"}
    with tempfile.TemporaryDirectory(prefix="scanops-int8-") as name:
        other = Path(name)
        bundle = export.write(other, small, described)
        given = parity.answer(other, held_out.pixels)
        costs = [_cost(place) for place in (folder, other)]
    labels = np.array([bundle.classes.index(label) for label in held_out.rows["label"]], np.int64)
    groups = held_out.rows["group"].to_numpy()
    found = precision.compare(labels, full.probabilities, given, groups, rules.int8_margin, settings)
    comparison = {**found, "graph_bytes": {"float32": costs[0].graph_bytes, "int8": costs[1].graph_bytes}}
    remark = f"\n{precision.sentence(found)}; {_gain(*costs)}"
    if not found["kept"]:
        return replace(full, comparison=comparison, remark=remark)
    export.write(folder, small, described)
    return Shipped(small, bundle, given, comparison, f"{remark}; parity above is of the float32 graph")


def finish(
    folder: Path,
    raw: Path,
    learnt: tuple[pd.DataFrame, imaging.Pixels],
    held_out: HeldOut,
    rules: Abstention,
) -> str:
    """Put into a finished bundle when it does not answer, and what the pictures of validation are like.

    Args:
        folder: Holds the bundle that ships, calibrated.
        raw: Folder of the pulled images.
        learnt: Rows of the train split, and their pictures uint8 [N, S, S, 3].
        held_out: Those of the val split.
        rules: How many head scans may be turned away.

    Returns:
        The limits, in a few words.
    """
    sides = (learnt, (held_out.rows, held_out.pixels))
    train, val = (abstain.Sample(seen, list(rows["label"]), list(rows["group"])) for rows, seen in sides)
    limits = abstain.teach(Predictor(folder), train, val, rules)
    # One picture a group: copies, and slices of one patient, are no second witness.
    rows = held_out.rows.drop_duplicates("group")
    reference.write(Predictor(folder), raw, [str(path) for path in rows["path"]])
    return abstain.sentence(limits)


def report(shipped: Shipped, closeness: Parity, rules: Export, bundle_sha256: str) -> dict[str, Any]:
    """Say what was exported.

    Args:
        shipped: What ships.
        closeness: How the float32 graph follows the model.
        rules: What was asked for.
        bundle_sha256: The finished bundle's name.

    Returns:
        What `reports/export.json` holds: the same on every run, so no time and no last digits.
    """
    return {
        "bundle_sha256": bundle_sha256,
        "requested": rules.precision,
        "precision": shipped.bundle.precision,
        "parity": {"images": closeness.images, "same_label": closeness.same_label},
        "int8": shipped.comparison,
    }


@dataclass(frozen=True)
class _Cost:
    graph_bytes: int
    latency_ms: float


def _cost(folder: Path) -> _Cost:
    return _Cost((folder / bundles.GRAPH).stat().st_size, footprint.latency_ms(folder))


def _gain(full: _Cost, small: _Cost) -> str:
    return (
        f"{full.graph_bytes / small.graph_bytes:.1f} times smaller, {full.latency_ms / small.latency_ms:.1f} "
        f"times faster ({full.latency_ms:.1f} to {small.latency_ms:.1f} ms on one thread)"
    )
