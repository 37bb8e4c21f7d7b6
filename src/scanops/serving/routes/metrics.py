"""Figures for Prometheus: `GET /metrics`."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from scanops.serving.metrics import CONTENT_TYPE
from scanops.serving.service import Service


def router(service: Service) -> APIRouter:
    """Give the route of the figures.

    Args:
        service: What is measured.

    Returns:
        A router.
    """
    routes = APIRouter()

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts and times in Prometheus' text format."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return routes
