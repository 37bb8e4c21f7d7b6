"""The page, and what it loads: files of the package, read once."""

from __future__ import annotations

import mimetypes
from importlib import resources
from pathlib import Path

from fastapi import APIRouter, Response

from scanops.serving.problems import ProblemError


def router() -> APIRouter:
    """Give the routes of the page.

    Returns:
        A router.
    """
    # Read once: the page is small, and no path of a request ever reaches the file system.
    folder = resources.files("scanops.serving") / "web"
    files = {item.name: item.read_bytes() for item in folder.iterdir() if item.is_file()}
    routes = APIRouter()

    def send(name: str) -> Response:
        if name not in files:
            raise ProblemError(404, "There is nothing at this address; the page is at /.")
        media_type = mimetypes.types_map.get(Path(name).suffix, "application/octet-stream")
        return Response(files[name], media_type=media_type, headers={"cache-control": "no-cache"})

    @routes.get("/", include_in_schema=False)
    async def page() -> Response:
        return send("index.html")

    @routes.get("/web/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        return send(name)

    return routes
