"""Events as API Gateway sends them to a Lambda function."""

from __future__ import annotations

import base64
from typing import Any

import httpx


def scans(*files: bytes) -> tuple[bytes, str]:
    """Encode files as a browser does.

    Args:
        *files: Their contents.

    Returns:
        The body, and its content type.
    """
    parts = [("files", ("scan", data, "application/octet-stream")) for data in files]
    request = httpx.Request("POST", "https://it/v1/predict", files=parts)
    return request.read(), request.headers["content-type"]


def http_api(method: str, path: str, body: bytes | None = None, content_type: str = "") -> dict[str, Any]:
    """Make an event of an HTTP API or a function URL, payload 2.0.

    Args:
        method: Of the request.
        path: With what the gateway puts before it.
        body: Sent in base64, as the gateway sends what is no text.
        content_type: Of the body.
    """
    headers = {"host": "abc.execute-api.eu-central-1.amazonaws.com", "x-forwarded-proto": "https"}
    if content_type:
        headers["content-type"] = content_type
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "stage": "$default",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
        },
        "isBase64Encoded": body is not None,
    }
    return event if body is None else {**event, "body": base64.b64encode(body).decode()}


def rest_api(method: str, path: str, body: bytes | None = None, content_type: str = "") -> dict[str, Any]:
    """Make an event of a REST API, payload 1.0; arguments as for `http_api`."""
    headers = {"Host": "abc.execute-api.eu-central-1.amazonaws.com", "X-Forwarded-Proto": "https"}
    if content_type:
        headers["Content-Type"] = content_type
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"stage": "prod", "identity": {"sourceIp": "192.0.2.1"}, "path": f"/prod{path}"},
        "body": None if body is None else base64.b64encode(body).decode(),
        "isBase64Encoded": body is not None,
    }
