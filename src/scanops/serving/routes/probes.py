"""Probes: is the process alive, is the model ready, and what is running."""

from __future__ import annotations

from fastapi import APIRouter

from scanops.serving import problems
from scanops.serving.schemas import Status, Version
from scanops.serving.service import Service

_LOADING = problems.documented(_503="The model is still loading, or could not be loaded")


def router(service: Service) -> APIRouter:
    """Give the routes of probes.

    Args:
        service: What is asked about.

    Returns:
        A router.
    """
    routes = APIRouter()

    @routes.get("/healthz")
    async def alive() -> Status:
        """Whether the process answers."""
        return Status(status="ok")

    @routes.get("/readyz", responses=_LOADING)
    async def ready() -> Status:
        """Whether predictions are answered."""
        service.loaded()
        return Status(status="ready")

    @routes.get("/version")
    async def version() -> Version:
        """What is running."""
        return service.version()

    return routes
