"""What the service answers; `/openapi.json` is made of these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict


class Schema(BaseModel):
    """The rules every schema shares."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


class Model(Schema):
    """What answered: enough to trace an answer to its data and parameters."""

    bundle_sha256: str
    data_sha256: str
    architecture: str


class FileError(Schema):
    """Why one file has no answer."""

    kind: Literal["undecodable", "truncated", "unsupported", "too_small", "too_large", "empty"]
    detail: str


class FileAnswer(Schema):
    """The answer for one file: a class with the probability of each, or an error."""

    index: Annotated[int, Field(ge=0, description="Place in the request, from 0")]
    class_name: Annotated[str | None, Field(alias="class", description="The most probable class")] = None
    probabilities: Annotated[dict[str, float] | None, Field(description="One a class; they add up to 1")] = (
        None
    )
    abstained: Annotated[bool, Field(description="True: the class is not to be relied on")] = False
    why: Annotated[
        Literal["unlike_training", "low_confidence"] | None, Field(description="Why the model abstains")
    ] = None
    advice: Annotated[str | None, Field(description="The same in plain words")] = None
    novelty: Annotated[
        float | None, Field(description="How unlike training the image is; a usual scan has about 1")
    ] = None
    error: FileError | None = None


class Prediction(Schema):
    """The answer to a request, in the order of its files."""

    files: list[FileAnswer]
    model: Model
    notice: str


# The words are those of JSON Schema 2020-12.
_PNG: JsonDict = {"contentEncoding": "base64", "contentMediaType": "image/png"}


class Explanation(Schema):
    """Where in one picture the evidence for a class lies."""

    class_name: Annotated[str, Field(alias="class", description="The class that the map is for")]
    answer: Annotated[FileAnswer, Field(description="What `/v1/predict` says of the file")]
    picture: Annotated[str, Field(description="What the network saw, a PNG", json_schema_extra=_PNG)]
    overlay: Annotated[str, Field(description="The map on transparent ground, a PNG", json_schema_extra=_PNG)]
    model: Model
    notice: str


class Version(Schema):
    """What is running."""

    name: Literal["scanops"] = "scanops"
    version: str
    git_sha: str
    gate_sha256: str | None
    image_digest: Annotated[str | None, Field(description="Of this container's image, where it was told")]
    model: Model
    classes: list[str]
    size_px: int
    heat_maps: Annotated[bool, Field(description="Whether `/v1/explain` can answer for this bundle")]
    notice: str


class Status(Schema):
    """A probe's answer."""

    status: Literal["ok", "ready"]


class ProblemDetails(Schema):
    """RFC 9457. Where no file of a request could be used, `files` says why for each.

    `errors` lists what does not fit a schema; `error` is the detail where the inference protocol has it.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str | None = None
    files: list[FileAnswer] | None = None
    errors: list[dict[str, str]] | None = None
    error: str | None = None
