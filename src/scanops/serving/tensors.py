"""Tensors of the Open Inference Protocol V2: images in, answers out, as JSON or as binary data.

https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md; the extension
for binary data is that of Triton (docs/protocol/extension_binary_data.md) and KServe.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from scanops.bundle.predictor import Verdict
from scanops.imaging import Pixels
from scanops.serving.problems import ProblemError
from scanops.serving.tensor_schemas import InferRequest, RequestOutput, TensorDescription

INPUT = "image"


@dataclass(frozen=True)
class Asked:
    """A request for inference, held against the model.

    Attributes:
        images: uint8 [N, size_px, size_px, 3].
        outputs: Names of the tensors that are wanted, in their order, and whether each as binary data.
        id: What the answer is to be called by; None for nothing.
    """

    images: Pixels
    outputs: dict[str, bool]
    id: str | None


def describe(size_px: int, classes: int) -> tuple[TensorDescription, list[TensorDescription]]:
    """Describe what a model takes and gives; -1 is any number of images.

    Args:
        size_px: Side of the square input.
        classes: How many.

    Returns:
        The input, and the outputs.
    """
    given = {
        "probabilities": ("FP32", [-1, classes]),
        "class": ("INT64", [-1]),
        "class_name": ("BYTES", [-1]),
        "abstained": ("BOOL", [-1]),
        "why": ("BYTES", [-1]),
    }
    outputs = [TensorDescription(name=n, datatype=d, shape=s) for n, (d, s) in given.items()]
    return TensorDescription(name=INPUT, datatype="UINT8", shape=[-1, size_px, size_px, 3]), outputs


def parse(body: bytes | bytearray, header_bytes: int | None, size_px: int, most_images: int) -> Asked:
    """Read a request for inference.

    Args:
        body: JSON, and the tensor behind it where it is sent as binary data.
        header_bytes: Length of the JSON where binary data follow, else None.
        size_px: Side of the model's square input.
        most_images: More are refused.

    Returns:
        The images, and what is wanted.

    Raises:
        ProblemError: 400, with what is wrong and never with what was sent.
    """
    # The images are a view of the body: it is in memory once.
    tail = memoryview(body)[len(body) if header_bytes is None else header_bytes :]
    head = body if header_bytes is None else body[:header_bytes]
    if header_bytes is not None and header_bytes > len(body):
        raise _refusal("Inference-Header-Content-Length is longer than the body.")
    try:
        request = InferRequest.model_validate_json(head)
    except ValidationError as error:
        faults = [
            {"at": "/".join(map(str, one["loc"])), "fault": one["msg"]}
            for one in error.errors(include_input=False, include_url=False)[:10]
        ]
        told = "; ".join(f"{one['at'] or 'body'}: {one['fault']}" for one in faults)
        raise _refusal(f"The request is not one of the protocol ({told}).", errors=faults) from None
    images = _images(request, tail, size_px, most_images)
    return Asked(images, _wanted(request), request.id)


def _images(request: InferRequest, tail: memoryview, size_px: int, most_images: int) -> Pixels:
    (tensor,) = request.inputs
    count, *sides = tensor.shape
    if sides != [size_px, size_px, 3] or not 1 <= count <= most_images:
        wanted = f"[N, {size_px}, {size_px}, 3], N from 1 to {most_images}"
        raise _refusal(f"The input's shape is not {wanted}.")
    shape, size = (count, size_px, size_px, 3), count * size_px * size_px * 3
    told = tensor.parameters.binary_data_size
    if told is None:
        if tail:
            raise _refusal("Binary data follow, but the input names no binary_data_size.")
        return _from_lists(tensor.data, shape)
    if tensor.data is not None:
        raise _refusal("The input has both data and binary_data_size.")
    if told != size or len(tail) != size:
        raise _refusal(f"The binary data are not the {size} bytes that the shape means.")
    return np.frombuffer(tail, np.uint8).reshape(shape)


def _from_lists(data: list[Any] | None, shape: tuple[int, ...]) -> Pixels:
    """Lay out numbers from 0 to 255, nested as the shape says or flat in row-major order."""
    if data is None:
        raise _refusal("The input holds neither data nor binary_data_size.")
    try:
        # A flat list, which is the common one, goes straight to bytes.
        flat = isinstance(data[0], int)
        values = np.frombuffer(bytes(data), np.uint8) if flat else np.asarray(data, np.uint8)
    except ValueError as error:  # of rows of several lengths
        raise _refusal("The data are not nested as the shape says.") from error
    if values.shape not in {(math.prod(shape),), shape}:
        raise _refusal("The data are not as many numbers as the shape says, or nested otherwise.")
    return values.reshape(shape)


def _wanted(request: InferRequest) -> dict[str, bool]:
    _, known = describe(1, 1)
    names = [one.name for one in known]
    asked = request.outputs or [RequestOutput.model_validate({"name": name}) for name in names]
    if not {one.name for one in asked} <= set(names) or len({one.name for one in asked}) < len(asked):
        raise _refusal(f"The outputs are not, each at most once, of {', '.join(names)}.")
    default = request.parameters.binary_data_output
    return {one.name: default if (own := one.parameters.binary_data) is None else own for one in asked}


def answer(verdicts: Sequence[Verdict], classes: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Lay out verdicts as the tensors of `describe`.

    Args:
        verdicts: One or more, in the order of the images.
        classes: Their names, in the order of the probabilities.

    Returns:
        Arrays of the first dimension N by name; texts are UTF-8 bytes.
    """
    probabilities = np.concatenate([verdict.prediction.probabilities for verdict in verdicts])
    why = [reason for verdict in verdicts for reason in verdict.why]
    index = probabilities.argmax(axis=1)
    return {
        "probabilities": probabilities,
        "class": index.astype(np.int64),
        "class_name": np.array([classes[one].encode() for one in index], object),
        "abstained": np.array([reason is not None for reason in why]),
        "why": np.array([(reason or "").encode() for reason in why], object),
    }


def write(told: dict[str, Any], tensors: dict[str, npt.NDArray[Any]], asked: Asked) -> tuple[bytes, int]:
    """Write an answer.

    Args:
        told: The members of the answer beside its outputs.
        tensors: What `answer` gave.
        asked: Which of them are wanted, and how.

    Returns:
        The body, and how many bytes of it are JSON.
    """
    count = len(asked.images)
    _, known = describe(1, len(tensors["probabilities"][0]))
    kinds = {one.name: one for one in known}
    outputs, binary = [], b""
    for name, as_binary in asked.outputs.items():
        values = tensors[name]
        output: dict[str, Any] = {
            "name": name,
            "datatype": kinds[name].datatype,
            "shape": [count, *kinds[name].shape[1:]],
        }
        if as_binary:
            data = _as_bytes(values)
            output["parameters"] = {"binary_data_size": len(data)}
            binary += data
        else:
            flat = values.ravel().tolist()
            output["data"] = [one.decode() for one in flat] if values.dtype == object else flat
        outputs.append(output)
    head = json.dumps(told | {"outputs": outputs}, separators=(",", ":")).encode()
    return head + binary, len(head)


def _as_bytes(values: npt.NDArray[Any]) -> bytes:
    """Write a tensor row-major in little-endian order; each text behind its length in 4 bytes."""
    if values.dtype == object:
        return b"".join(struct.pack("<I", len(one)) + one for one in values)
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def _refusal(detail: str, **members: object) -> ProblemError:
    return ProblemError(400, detail, None, **members)
