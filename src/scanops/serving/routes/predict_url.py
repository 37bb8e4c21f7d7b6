"""Predictions for an image that lies elsewhere: `POST /v1/predict-url`, where it is switched on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field, ValidationError

from scanops.serving import bodies, problems
from scanops.serving.addresses import AllowList
from scanops.serving.fetch import fetch
from scanops.serving.limits import Upload
from scanops.serving.problems import ProblemError
from scanops.serving.room import RequestRoom
from scanops.serving.schemas import Prediction, Schema
from scanops.serving.service import Service

TIMEOUT_S = 15.0
_BODY_BYTES = 16 * 1024
_REFUSALS = problems.documented(
    _400="The body is no JSON object with a `url`",
    _403="The URL leads to where this service does not ask",
    _408="The body came too slowly",
    _413="The body or the image is too large",
    _415="The body is not JSON",
    _422="The image could not be fetched, or not be used",
    _503="The model is still loading, or there is too much to do",
)


class UrlRequest(Schema):
    """Where the image is."""

    url: Annotated[str, Field(max_length=2048, examples=["https://images.example.org/scan.png"])]


def router(service: Service, allowed: AllowList) -> APIRouter:
    """Give the route, which fetches from no host that is not on the list.

    Args:
        service: What answers.
        allowed: The hosts.

    Returns:
        A router.
    """
    routes = APIRouter()
    body = {"required": True, "content": {"application/json": {"schema": problems.schema_of(UrlRequest)}}}

    @routes.post("/v1/predict-url", responses=_REFUSALS, openapi_extra={"requestBody": body})
    async def predict_url(request: Request) -> Prediction:
        """Classify an image that the service fetches by itself."""
        service.loaded()
        with service.room.hold_request() as held:
            asked = await _read(request, held, service)
            data = await fetch(asked.url, allowed, held, service.limits.file_bytes, TIMEOUT_S)
            return await service.answer([Upload(data)])

    return routes


async def _read(request: Request, held: RequestRoom, service: Service) -> UrlRequest:
    if bodies.media_type(request) != "application/json":
        raise ProblemError(415, "Send application/json.")
    body = await bodies.read(request, held, _BODY_BYTES, service.limits.body_timeout_s)
    try:
        return UrlRequest.model_validate_json(body)
    except ValidationError as error:
        raise ProblemError(400, 'Send a JSON object such as {"url": "https://host/scan.png"}.') from error
