"""What the Open Inference Protocol V2 sends and gets; names are the protocol's own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictBool, StrictInt

from scanops.serving.schemas import Schema

# Each list ends with its first fault: a body may hold millions, and Python's lists are large and slow.
_Flat = Annotated[list[Annotated[StrictInt, Field(ge=0, le=255)]], Field(min_length=1, fail_fast=True)]
_Row = Annotated[list[_Flat], Field(min_length=1, fail_fast=True)]
_Image = Annotated[list[_Row], Field(min_length=1, fail_fast=True)]
_Nested = Annotated[list[_Image], Field(min_length=1, fail_fast=True)]
Shape = Annotated[list[StrictInt], Field(description="-1 stands for any number of images")]


class ServerMetadata(Schema):
    """What serves."""

    name: Literal["scanops"] = "scanops"
    version: str
    extensions: list[str]


class Live(Schema):
    """Whether the process answers."""

    live: bool


class Ready(Schema):
    """Whether inferences are answered."""

    ready: bool


class ModelReady(Schema):
    """Whether a model answers."""

    name: str
    ready: bool


class TensorDescription(Schema):
    """One input or output of a model."""

    name: str
    datatype: str
    shape: Shape


class ModelMetadata(Schema):
    """What a model is, takes and gives."""

    name: str
    versions: list[str]
    platform: Literal["onnxruntime_onnx"] = "onnxruntime_onnx"
    inputs: list[TensorDescription]
    outputs: list[TensorDescription]


class InputParameters(Schema):
    """Of an input; others are ignored."""

    binary_data_size: Annotated[StrictInt, Field(ge=0)] | None = None


class OutputParameters(Schema):
    """Of a wanted output; others are ignored."""

    binary_data: StrictBool | None = None


class RequestParameters(Schema):
    """Of a request; others are ignored."""

    binary_data_output: StrictBool = False


class RequestInput(Schema):
    """The images: uint8, [N, height, width, 3], red, green, blue."""

    name: Literal["image"]
    datatype: Literal["UINT8"]
    shape: Annotated[list[StrictInt], Field(min_length=4, max_length=4, fail_fast=True)]
    parameters: InputParameters = InputParameters()
    data: Annotated[_Flat | _Nested | None, Field(description="Row-major, flat or nested")] = None


class RequestOutput(Schema):
    """An output that is wanted."""

    name: Annotated[str, Field(max_length=64)]
    parameters: OutputParameters = OutputParameters()


class InferRequest(Schema):
    """A request for inference."""

    id: Annotated[str | None, Field(max_length=256)] = None
    parameters: RequestParameters = RequestParameters()
    inputs: Annotated[list[RequestInput], Field(min_length=1, max_length=1, fail_fast=True)]
    outputs: Annotated[list[RequestOutput], Field(max_length=16, fail_fast=True)] | None = None


class ResponseOutput(TensorDescription):
    """One tensor of an answer."""

    parameters: dict[str, int] | None = None
    data: list[float] | list[int] | list[bool] | list[str] | None = None


class InferResponse(Schema):
    """An answer; `parameters` holds the notice that belongs to every answer."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    id: str | None = None
    parameters: dict[str, str]
    outputs: list[ResponseOutput]
