"""Where the evidence lies: `POST /v1/explain`."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from scanops import activation_map
from scanops.activation_map import Head
from scanops.bundle.predictor import Predictor
from scanops.imaging import Pixels
from scanops.serving import problems
from scanops.serving.one_batch import Answered
from scanops.serving.one_file import BODY, PNG, REFUSALS, encode_png, read_one
from scanops.serving.problems import ProblemError
from scanops.serving.schemas import Explanation, FileAnswer, Model
from scanops.serving.service import Service

_HEADERS = {
    "Scanops-Class": "The class that the map is for, percent-encoded",
    "Scanops-Abstained": "`no`, or why the model abstains from this picture",
    "Scanops-Bundle": "SHA-256 of the bundle that answered",
    "Scanops-Notice": "What this is not for",
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The heat map; as JSON together with the picture and the answer",
        "content": PNG,
        "headers": {
            name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in _HEADERS.items()
        },
        "model": Explanation,
    },
    **REFUSALS,
    **problems.documented(
        _409="The bundle is older than heat maps", _422="The file or the class is unusable"
    ),
}
_CLASS = Query(alias="class", description="The class to look for; without it the most probable one")


@dataclass(frozen=True)
class _Explained:
    """One file: the class that was looked for, the answer, and two PNGs of the network's input size."""

    class_name: str
    answer: FileAnswer
    picture: bytes
    overlay: bytes


def router(service: Service) -> APIRouter:
    """Give the route of explanations.

    Args:
        service: What answers.

    Returns:
        A router.
    """
    routes = APIRouter()

    @routes.post(
        "/v1/explain", responses=_RESPONSES, openapi_extra={"requestBody": BODY}, response_class=Response
    )
    async def explain(request: Request, class_name: Annotated[str | None, _CLASS] = None) -> Response:
        """Show where in one file the evidence for a class lies (class-activation map).

        The answer is a PNG of the network's input size: a heat map, transparent where nothing speaks for the
        class. With `Accept: application/json` it comes with the picture that the network saw, on which it
        belongs, and with the answer. A file that the model abstains from is explained too, and marked.
        """
        answerer = service.loaded()
        predictor = answerer.predictor
        wanted = _find(class_name, predictor.bundle.classes)
        pixels = await read_one(request, service, predictor.prepare)
        with service.room.hold_pictures(1):
            answered = await answerer.explain(pixels)
            answer = answerer.describe(0, answered)
            explained = await answerer.draw(partial(_explain, predictor, pixels, answered, answer, wanted))
        if "application/json" in request.headers.get("accept", ""):
            return _as_json(explained, service.model, service.bundle.notice)
        return _as_png(explained, service.model, service.bundle.notice)

    return routes


def _find(class_name: str | None, classes: tuple[str, ...]) -> int | None:
    """Give the place of a class, None for none in particular; what was asked for is not echoed."""
    if class_name is None:
        return None
    if class_name not in classes:
        raise ProblemError(422, f"The model knows no such class; ask for one of: {', '.join(classes)}.")
    return classes.index(class_name)


def _explain(
    predictor: Predictor, pixels: Pixels, answered: Answered, answer: FileAnswer, wanted: int | None
) -> _Explained:
    head, notice = _head(predictor), predictor.bundle.notice
    given = answered.verdict.of(answered.row).prediction
    index = int(given.probabilities[0].argmax()) if wanted is None else wanted
    contributed = activation_map.contributions(given.features, head, np.array([index]))
    (shares,) = activation_map.relative(contributed)
    return _Explained(
        predictor.bundle.classes[index],
        answer,
        encode_png(pixels, notice),
        encode_png(activation_map.layer(shares, len(pixels)), notice),
    )


def _head(predictor: Predictor) -> Head:
    if predictor.head is None:
        raise ProblemError(
            409, "The bundle is older than heat maps and cannot give one; export it again with `make repro`."
        )
    return predictor.head


def _as_png(explained: _Explained, model: Model, notice: str) -> Response:
    # A header holds no letters but ASCII's; classes are named after folders, in any script.
    values = (explained.class_name, explained.answer.why or "no", model.bundle_sha256, notice)
    headers = {name: quote(value, safe=" ,:;") for name, value in zip(_HEADERS, values, strict=True)}
    return Response(explained.overlay, media_type="image/png", headers={**headers, "Vary": "Accept"})


def _as_json(explained: _Explained, model: Model, notice: str) -> Response:
    body = Explanation(
        class_name=explained.class_name,
        answer=explained.answer,
        picture=base64.b64encode(explained.picture).decode(),
        overlay=base64.b64encode(explained.overlay).decode(),
        model=model,
        notice=notice,
    )
    content = body.model_dump_json(by_alias=True)
    return Response(content, media_type="application/json", headers={"Vary": "Accept"})
