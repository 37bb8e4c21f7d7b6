"""Every error of the service is one kind of answer: problem details, RFC 9457."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from scanops.serving.schemas import ProblemDetails

MEDIA_TYPE = "application/problem+json"
_DETAILS = {404: "There is nothing at this address.", 405: "This address does not answer that method."}


class ProblemError(Exception):
    """A request that cannot be answered as asked.

    Args:
        status: HTTP status.
        detail: What is wrong and what to do, in a sentence.
        headers: Further headers.
        **members: Further members of the problem, RFC 9457 section 3.2.
    """

    def __init__(
        self, status: int, detail: str, headers: dict[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.members = members


def respond(problem: ProblemError) -> JSONResponse:
    """Write a problem as a response.

    Args:
        problem: What is wrong.

    Returns:
        A response of the type `application/problem+json`.
    """
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        **problem.members,
    }
    return JSONResponse(content, problem.status, problem.headers, media_type=MEDIA_TYPE)


def documented(**statuses: str) -> dict[int | str, dict[str, Any]]:
    """Say in the OpenAPI document which problems a route answers with.

    Args:
        **statuses: What each means, by `_` and its HTTP status.

    Returns:
        FastAPI's `responses`.
    """
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    content = {MEDIA_TYPE: {"schema": schema}}
    return {
        int(code[1:]): {"description": meaning, "content": content, "model": ProblemDetails}
        for code, meaning in statuses.items()
    }


async def on_problem(_request: Request, error: Exception) -> JSONResponse:
    """Answer a problem raised by the service."""
    assert isinstance(error, ProblemError)  # noqa: S101 -- registered for this class alone
    return respond(error)


async def on_http_exception(_request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework raises: 404, 405 and their like."""
    assert isinstance(error, HTTPException)  # noqa: S101 -- registered for this class alone
    detail = _DETAILS.get(error.status_code, str(error.detail))
    headers = dict(error.headers) if error.headers else None
    return respond(ProblemError(error.status_code, detail, headers))


async def on_validation_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer a request that does not fit its schema; its values are not echoed."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- registered for this class alone
    faults = [
        {"at": "/".join(str(part) for part in item["loc"]), "fault": item["msg"]} for item in error.errors()
    ]
    return respond(
        ProblemError(422, "The request does not fit the schema; see /openapi.json.", errors=faults)
    )
