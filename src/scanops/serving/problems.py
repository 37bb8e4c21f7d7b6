"""Every error of the service is one kind of answer: problem details, RFC 9457."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from scanops.serving import logs
from scanops.serving.schemas import ProblemDetails

MEDIA_TYPE = "application/problem+json"
REF = "#/components/schemas/{model}"
_DETAILS = {
    404: "There is nothing at this address; /openapi.json lists what there is.",
    405: "This address does not answer that method; /openapi.json lists those that it does.",
}


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
    return JSONResponse(_content(problem), problem.status, problem.headers, media_type=MEDIA_TYPE)


def raw(problem: ProblemError, asked: str) -> bytes:
    """Write a problem as HTTP, for a connection that ends with it.

    Args:
        problem: What is wrong.
        asked: What the log calls it.

    Returns:
        Head and body.
    """
    body = json.dumps({**_content(problem), "request_id": asked}).encode()
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        "connection": "close",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-request-id": asked,
        **(problem.headers or {}),
    }
    head = [f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*head, "", ""]).encode("ascii") + body


def _content(problem: ProblemError) -> dict[str, Any]:
    # "about:blank" says that there is no more to a problem than its status: RFC 9457, section 4.2.1.
    asked = logs.request_id.get()
    return {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        **({"request_id": asked} if asked else {}),
        **problem.members,
    }


def schema_of(model: type[BaseModel]) -> dict[str, str]:
    """Refer to a schema of the OpenAPI document.

    Args:
        model: One that `openapi` adds, or that a route answers with.
    """
    return {"$ref": REF.format(model=model.__name__)}


def response(meaning: str) -> dict[str, Any]:
    """Describe a problem in the OpenAPI document.

    Args:
        meaning: In a few words.
    """
    return {"description": meaning, "content": {MEDIA_TYPE: {"schema": schema_of(ProblemDetails)}}}


def documented(**statuses: str) -> dict[int | str, dict[str, Any]]:
    """Say in the OpenAPI document which problems a route answers with.

    Args:
        **statuses: What each means, by `_` and its HTTP status.

    Returns:
        FastAPI's `responses`.
    """
    return {int(code[1:]): response(meaning) for code, meaning in statuses.items()}


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
