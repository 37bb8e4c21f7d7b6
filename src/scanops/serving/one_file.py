"""Requests that hold one file and are answered with a picture: `/v1/explain` and `/v1/preview`."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from fastapi import Request
from PIL import Image, PngImagePlugin

from scanops.serving import problems
from scanops.serving.answers import Read
from scanops.serving.limits import read_uploads
from scanops.serving.problems import ProblemError
from scanops.serving.schemas import FileAnswer, FileError
from scanops.serving.service import Service

_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary"}},
}
BODY: dict[str, Any] = {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
PNG: dict[str, Any] = {"image/png": {"schema": {"type": "string", "format": "binary"}}}
REFUSALS = problems.documented(
    _400="The body is malformed",
    _408="The body came too slowly",
    _413="The body or the file is too large, or there is more than one file",
    _415="The body is not multipart",
    _422="The file cannot be used",
    _503="The model is still loading",
)


async def read_one(request: Request, service: Service, read: Callable[[bytes], Read]) -> Read:
    """Read the only file of a request, within the bounds and the room of predictions.

    Args:
        request: The request, its body unread.
        service: Its limits, room and threads.
        read: From the bytes of the file to what is wanted of it; runs in a thread, may raise an ImageError.

    Returns:
        What `read` returned.

    Raises:
        ProblemError: The service is not ready or full, or the request is out of bounds; 413 or 422 where the
            file cannot be used, with its error in `files` as predictions have it.
    """
    answerer, limits = service.loaded(), replace(service.limits, files=1)
    with service.room.hold_request() as held:
        body = held.metered(request.stream())
        (upload,) = await read_uploads(dict(request.headers), body, limits)
        with service.room.hold_pictures(1):
            found = await answerer.read(upload, read)
    if isinstance(found, FileError):
        told = FileAnswer(index=0, error=found).model_dump(mode="json", by_alias=True)
        status = 413 if found.kind == "too_large" else 422
        raise ProblemError(status, found.detail, files=[told])
    return found


def encode_png(pixels: npt.NDArray[np.uint8], notice: str | None = None) -> bytes:
    """Write pixels as PNG.

    Args:
        pixels: uint8, grey [H, W], colours [H, W, 3], or with opacity [H, W, 4].
        notice: What the picture is not for; kept in the file (the keyword is of the PNG specification).
    """
    text = PngImagePlugin.PngInfo()
    if notice is not None:
        text.add_text("Disclaimer", notice)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", pnginfo=text)
    return file.getvalue()
