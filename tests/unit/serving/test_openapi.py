"""The OpenAPI document: complete, and true in its examples."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from scanops.serving import schemas
from scanops.serving.addresses import AllowList
from scanops.serving.app import create_app
from scanops.serving.examples import EXAMPLES
from scanops.serving.options import Options
from scanops.serving.routes.predict_url import UrlRequest
from scanops.serving.tensor_schemas import InferRequest
from tests.bundles import make_bundle

MODELS: dict[str, type[BaseModel]] = {
    "FileAnswer": schemas.FileAnswer,
    "Prediction": schemas.Prediction,
    "ProblemDetails": schemas.ProblemDetails,
    "Version": schemas.Version,
    "InferRequest": InferRequest,
    "UrlRequest": UrlRequest,
}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Fetch the document of a service with everything on."""
    options = Options(url_hosts=AllowList("images.example.org"), rate_per_s=1.0)
    app = create_app(make_bundle(tmp_path_factory.mktemp("bundle")), options=options)
    return dict(TestClient(app).get("/openapi.json").json())


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_fits_its_schema_and_is_in_the_document(document: dict[str, Any], name: str) -> None:
    """What a reader copies works."""
    told = MODELS[name].model_validate(EXAMPLES[name]).model_dump(mode="json", by_alias=True)
    assert {key: told[key] for key in EXAMPLES[name] if key != "inputs"} == {
        key: value if key != "outputs" else [one | {"parameters": {"binary_data": None}} for one in value]
        for key, value in EXAMPLES[name].items()
        if key != "inputs"
    }
    assert document["components"]["schemas"][name]["examples"] == [EXAMPLES[name]]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """A client can be generated from it."""
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in text


def test_every_refusal_is_problem_details(document: dict[str, Any]) -> None:
    """No operation announces another form of error."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, told in operation["responses"].items():
                if int(status) >= 400:
                    assert set(told["content"]) == {"application/problem+json"}
