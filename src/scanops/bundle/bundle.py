"""`bundle.json`: what a bundle says of itself. Its hash names the bundle everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scanops.abstention import Limits
from scanops.digest import hash_file
from scanops.errors import ConfigError

DESCRIPTION = "bundle.json"
GRAPH = "model.onnx"
NOVELTY = "novelty.npz"
REFERENCE = "reference.json"
NOTICE = "Research software, not a medical device: not for diagnosis."

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Abstention(BaseModel):
    """When the bundle keeps its answer to itself, see `abstention.Limits`.

    Attributes:
        max_novelty: Largest novelty score of a picture that is answered.
        min_confidence: Least probability of the likeliest class; 0 answers however unsure the model is.
        false_rejection: Share of head scans that these limits turn away at most.
        novelty_sha256: Hash of `novelty.npz`, which the score is computed with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_novelty: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    min_confidence: Annotated[float, Field(ge=0, le=1)]
    false_rejection: Annotated[float, Field(ge=0, le=1)]
    novelty_sha256: Sha256

    @property
    def limits(self) -> Limits:
        """What `abstention.judge` takes."""
        return Limits(self.max_novelty, self.min_confidence, self.false_rejection)


class Bundle(BaseModel):
    """The description of a bundle.

    Attributes:
        classes: Class names, in the order of the graph's probabilities.
        architecture: Name of the network.
        size_px: Side of the square input.
        fit: How an image is brought to that square, see `imaging.InputForm`.
        crop: What is cut away before that, see `imaging.InputForm`; bundles older than the crop say nothing.
        precision: What the graph computes its convolutions in; older bundles say nothing.
        temperature: What the graph's probabilities are calibrated by, see `temperature.scale`.
        pooling: How the feature map becomes the embedding, for class-activation maps; bundles older than
            these say nothing.
        abstention: When it does not answer; None answers everything, as bundles did before there was this.
        graph_sha256: Hash of `model.onnx`.
        model_sha256: Hash of the Keras model that it was made from; MLflow's run carries it as a tag.
        data_sha256: Hash of the manifest that the splits were drawn from.
        params_sha256: Hash of the parameters that shaped the network.
        splits_sha256: Hash of the splits that it learnt from; older bundles say nothing.
        split_rules_sha256: Hash of the parameters that drew those splits; older bundles say nothing.
        reference_sha256: Hash of `reference.json`, see `monitoring.reference`; older bundles have none.
        notice: Shown wherever a prediction is shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    architecture: str
    size_px: Annotated[int, Field(ge=16, le=1024)]
    fit: Literal["pad", "stretch"]
    crop: Literal["none", "brain"] = "none"
    precision: Literal["float32", "int8"] = "float32"
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    pooling: Literal["average", "max"] | None = None
    abstention: Abstention | None = None
    graph_sha256: Sha256
    model_sha256: Sha256
    data_sha256: Sha256
    params_sha256: Sha256
    splits_sha256: Sha256 | None = None
    split_rules_sha256: Sha256 | None = None
    reference_sha256: Sha256 | None = None
    notice: str = NOTICE


def write(folder: Path, bundle: Bundle) -> None:
    """Write a description beside its graph.

    Args:
        folder: The bundle's folder.
        bundle: The description.
    """
    (folder / DESCRIPTION).write_text(bundle.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read(folder: Path) -> Bundle:
    """Read a bundle's description and check that its files are those described.

    Args:
        folder: The bundle's folder.

    Returns:
        The description.

    Raises:
        ConfigError: A file is missing, or does not hold what it should.
    """
    remedy = "Export it again with `make repro`, or copy the whole folder"
    try:
        bundle = Bundle.model_validate_json((folder / DESCRIPTION).read_bytes())
        expected = {GRAPH: bundle.graph_sha256}
        if bundle.abstention is not None:
            expected[NOVELTY] = bundle.abstention.novelty_sha256
        if bundle.reference_sha256 is not None:
            expected[REFERENCE] = bundle.reference_sha256
        changed = [name for name, digest in expected.items() if hash_file(folder / name) != digest]
    except OSError as error:
        raise ConfigError(f"bundle {folder}", f"cannot be read ({error})", remedy) from error
    except ValidationError as error:
        raise ConfigError(f"bundle {folder}", f"has an invalid description ({error})", remedy) from error
    if changed:
        raise ConfigError(f"bundle {folder}", f"{changed[0]} does not match {DESCRIPTION}", remedy)
    return bundle


def hash_bundle(folder: Path) -> str:
    """Name a bundle: the hash of its description, which holds the hashes of its other files.

    Args:
        folder: The bundle's folder.

    Returns:
        SHA-256 in hexadecimal.
    """
    return hash_file(folder / DESCRIPTION)


def size_bytes(folder: Path) -> int:
    """Weigh a bundle: what travels with every image.

    Args:
        folder: The bundle's folder.

    Returns:
        The sum of its files, in bytes.
    """
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
