"""Examples for the OpenAPI document, by the name of their schema; tests hold them to their schemas."""

from __future__ import annotations

from typing import Any

_ANSWER: dict[str, Any] = {
    "index": 0,
    "class": "glioma",
    "probabilities": {"glioma": 0.91, "meningioma": 0.06, "no_tumor": 0.02, "pituitary": 0.01},
    "abstained": False,
    "why": None,
    "advice": None,
    "novelty": 0.97,
    "error": None,
}
_REFUSED: dict[str, Any] = {
    "index": 1,
    "class": None,
    "probabilities": None,
    "abstained": False,
    "why": None,
    "advice": None,
    "novelty": None,
    "error": {
        "kind": "truncated",
        "detail": "The file ends before its last pixel. Fetch or export it again.",
    },
}
_MODEL = {"bundle_sha256": "d" * 64, "data_sha256": "a" * 64, "architecture": "mobilenet"}
_NOTICE = "Research software, not a medical device: not for diagnosis."

EXAMPLES: dict[str, dict[str, Any]] = {
    "FileAnswer": _ANSWER,
    "Prediction": {"files": [_ANSWER, _REFUSED], "model": _MODEL, "notice": _NOTICE},
    "ProblemDetails": {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "No file could be used; `files` says why for each.",
        "request_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "files": [_REFUSED | {"index": 0}],
    },
    "Version": {
        "name": "scanops",
        "version": "0.1.0",
        "git_sha": "c" * 40,
        "gate_sha256": "e" * 64,
        "image_digest": "sha256:" + "f" * 64,
        "model": _MODEL,
        "classes": ["glioma", "meningioma", "no_tumor", "pituitary"],
        "size_px": 224,
        "heat_maps": True,
        "notice": _NOTICE,
    },
    "InferRequest": {
        "id": "42",
        "inputs": [
            {
                "name": "image",
                "datatype": "UINT8",
                "shape": [1, 224, 224, 3],
                "parameters": {"binary_data_size": 150528},
            }
        ],
        "outputs": [{"name": "class_name"}, {"name": "abstained"}],
    },
    "UrlRequest": {"url": "https://images.example.org/scan.png"},
}
