"""One bundle in service, from its folder to being ready to answer."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import anyio.to_thread
import numpy as np
from fastapi import Request

from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.serving import feedback
from scanops.serving.answers import Slots, answer
from scanops.serving.limits import Limits, read_uploads
from scanops.serving.problems import ProblemError
from scanops.serving.schemas import Model, Prediction, Version

log = logging.getLogger("scanops.serving")


class Service:
    """One bundle, from its folder to being ready.

    Args:
        folder: The bundle's folder.
        limits: Bounds on a request.

    Raises:
        ConfigError: The bundle, or the feedback store, is missing or damaged.
        OutsideError: The feedback store cannot be written.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        self.limits = limits
        self.bundle = bundles.read(folder)
        self.model = Model(
            bundle_sha256=bundles.hash_bundle(folder),
            data_sha256=self.bundle.data_sha256,
            architecture=self.bundle.architecture,
        )
        self.predictor: Predictor | None = None
        self.slots: Slots | None = None
        self.feedback = feedback.from_environment(self.model.bundle_sha256)

    async def load(self) -> None:
        """Load the graph and run it once, so that the first answer is as quick as the others."""
        self.slots = Slots(self.limits.workers)
        try:
            self.predictor = await anyio.to_thread.run_sync(self._warm)
        except Exception as error:  # a service that cannot load says so in its log and stays unready
            log.error(json.dumps({"event": "load", "type": type(error).__name__, "detail": str(error)}))
            return
        log.info(json.dumps({"event": "ready", "bundle_sha256": self.model.bundle_sha256}))

    def _warm(self) -> Predictor:
        predictor = Predictor(self.folder)
        side = self.bundle.size_px
        predictor.predict(np.zeros((1, side, side, 3), np.uint8))
        return predictor

    async def predict(self, request: Request) -> Prediction:
        """Answer one request for predictions.

        Args:
            request: The request, its body unread.

        Returns:
            One answer a file.

        Raises:
            ProblemError: The service is not ready, the request is out of bounds, or no file could be used.
        """
        predictor, slots = self.predictor, self.slots
        if predictor is None or slots is None:
            raise ProblemError(
                503, "The model is still loading; try again in a second.", {"retry-after": "1"}
            )
        uploads = await read_uploads(dict(request.headers), request.stream(), self.limits)
        files = await answer(predictor, uploads, self.limits, slots, self.feedback)
        if all(file.error for file in files):
            kinds = {file.error.kind for file in files if file.error}
            status = 413 if kinds == {"too_large"} else 422
            told = [file.model_dump(mode="json", by_alias=True) for file in files]
            raise ProblemError(status, "No file could be used; `files` says why for each.", files=told)
        return Prediction(files=files, model=self.model, notice=self.bundle.notice)

    def version(self) -> Version:
        """Say what is running, from the bundle and from what the image was built with."""
        return Version(
            version=os.environ.get("SCANOPS_VERSION", "unknown"),
            git_sha=os.environ.get("SCANOPS_GIT_SHA", "unknown"),
            gate_sha256=os.environ.get("SCANOPS_GATE_SHA256") or None,
            model=self.model,
            classes=list(self.bundle.classes),
            size_px=self.bundle.size_px,
            notice=self.bundle.notice,
        )
