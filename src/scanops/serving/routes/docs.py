"""The API's description for people: a page of our own, as FastAPI's load scripts from a public host."""

from __future__ import annotations

from importlib import resources

from fastapi import APIRouter, Response


def router() -> APIRouter:
    """Give the route of the page; its script and style are served with those of the other page.

    Returns:
        A router.
    """
    body = (resources.files("scanops.serving") / "web" / "api.html").read_bytes()
    routes = APIRouter()

    @routes.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(body, media_type="text/html", headers={"cache-control": "no-cache"})

    return routes
