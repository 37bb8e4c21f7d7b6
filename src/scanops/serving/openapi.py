"""The OpenAPI document: what FastAPI finds in the routes, and what it cannot see there."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from scanops.serving import access, problems
from scanops.serving.examples import EXAMPLES
from scanops.serving.problems import REF
from scanops.serving.routes.predict_url import UrlRequest
from scanops.serving.schemas import ProblemDetails
from scanops.serving.tensor_schemas import InferRequest

# Bodies that routes read by themselves, within bounds, and what every refusal is.
_ADDED: tuple[type[BaseModel], ...] = (InferRequest, UrlRequest, ProblemDetails)


def complete(app: FastAPI, tokens: bool, rates: bool) -> None:
    """Have an application describe its bodies, its tokens and its bounds too.

    Args:
        app: With all its routes.
        tokens: Whether addresses need one.
        rates: Whether clients may ask too often.
    """
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            document = make()
            _add_schemas(document)
            if tokens:
                scheme = {"type": "http", "scheme": "bearer", "description": "A token of this service"}
                document["components"]["securitySchemes"] = {"token": scheme}
            for path, methods in document["paths"].items():
                for operation in methods.values():
                    _complete(operation, tokens and not access.is_open(path), rates)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _add_schemas(document: dict[str, Any]) -> None:
    _, added = models_json_schema([(model, "validation") for model in _ADDED], ref_template=REF)
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = schemas = added["$defs"] | schemas
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for name, example in EXAMPLES.items():
        schemas[name]["examples"] = [example]


def _complete(operation: dict[str, Any], token: bool, rates: bool) -> None:
    responses = operation["responses"]
    # FastAPI announces its own form of this error wherever there is a parameter; ours are problems.
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    if token:
        operation["security"] = [{"token": []}]
        responses["401"] = problems.response("The token is missing or wrong")
    if rates:
        responses["429"] = problems.response("The client asks too often")
