"""What a file looks like: `POST /v1/preview`, for formats that a browser cannot show."""

from __future__ import annotations

import numpy as np
from fastapi import APIRouter, Request, Response
from PIL import Image

from scanops import imaging
from scanops.serving.one_file import BODY, PNG, REFUSALS, encode_png, read_one
from scanops.serving.service import Service

SIDE_PX = 512
_RESPONSES = {200: {"description": "The picture", "content": PNG}, **REFUSALS}


def router(service: Service) -> APIRouter:
    """Give the route of previews.

    Args:
        service: Its bounds hold here too.

    Returns:
        A router.
    """
    routes = APIRouter()

    @routes.post(
        "/v1/preview", responses=_RESPONSES, openapi_extra={"requestBody": BODY}, response_class=Response
    )
    async def preview(request: Request) -> Response:
        """Show one file as the service decodes it: upright, DICOM by its window, at most 512 px a side."""
        return Response(await read_one(request, service, _render), media_type="image/png")

    return routes


def _render(data: bytes) -> bytes:
    picture = imaging.decode(data).picture
    picture.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)
    return encode_png(np.asarray(picture))
