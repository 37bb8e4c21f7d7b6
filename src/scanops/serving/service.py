"""One bundle in service, from its folder to being ready to answer."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import anyio.to_thread
import numpy as np
import numpy.typing as npt
from fastapi import Request

from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor, Verdict
from scanops.serving import logs
from scanops.serving.answers import Slots, answer
from scanops.serving.limits import Limits, Upload, read_uploads
from scanops.serving.problems import ProblemError
from scanops.serving.schemas import Model, Prediction, Version


class Service:
    """One bundle, from its folder to being ready.

    Args:
        folder: The bundle's folder.
        limits: Bounds on a request.

    Raises:
        ConfigError: The bundle is missing or damaged.
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

    async def load(self) -> None:
        """Load the graph and run it once, so that the first answer is as quick as the others."""
        self.slots = Slots(self.limits.workers)
        try:
            self.predictor = await anyio.to_thread.run_sync(self._warm)
        except Exception as error:  # a service that cannot load says so in its log and stays unready
            logs.write(logging.ERROR, "load", type=type(error).__name__, detail=str(error))
            return
        logs.write(logging.INFO, "ready", bundle_sha256=self.model.bundle_sha256)

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
        self.require_ready()
        return await self.classify(await read_uploads(dict(request.headers), request.stream(), self.limits))

    async def classify(self, uploads: list[Upload]) -> Prediction:
        """Answer files that are here already.

        Args:
            uploads: At least one; their bytes are released as they are decoded.

        Returns:
            One answer a file.

        Raises:
            ProblemError: The service is not ready, or no file could be used.
        """
        predictor, slots = self.require_ready()
        files = await answer(predictor, uploads, self.limits, slots)
        if all(file.error for file in files):
            kinds = {file.error.kind for file in files if file.error}
            status = 413 if kinds == {"too_large"} else 422
            told = [file.model_dump(mode="json", by_alias=True) for file in files]
            raise ProblemError(status, "No file could be used; `files` says why for each.", files=told)
        return Prediction(files=files, model=self.model, notice=self.bundle.notice)

    async def infer(self, batch: npt.NDArray[np.uint8]) -> list[Verdict]:
        """Answer images that are the graph's input already.

        Args:
            batch: uint8 [N, size_px, size_px, 3], N at least 1.

        Returns:
            Verdicts on parts of the batch, in its order.

        Raises:
            ProblemError: The service is not ready.
        """
        predictor, slots = self.require_ready()
        parts = [batch[i : i + self.limits.batch] for i in range(0, len(batch), self.limits.batch)]
        return [await anyio.to_thread.run_sync(predictor.answer, one, limiter=slots.small) for one in parts]

    def require_ready(self) -> tuple[Predictor, Slots]:
        """Give what answers.

        Raises:
            ProblemError: 503, the model is still loading.
        """
        if self.predictor is None or self.slots is None:
            detail = "The model is still loading; try again in a second."
            raise ProblemError(503, detail, {"retry-after": "1"})
        return self.predictor, self.slots

    def version(self) -> Version:
        """Say what is running, from the bundle and from what the image was built with."""
        return Version(
            version=os.environ.get("SCANOPS_VERSION", "unknown"),
            git_sha=os.environ.get("SCANOPS_GIT_SHA", "unknown"),
            gate_sha256=os.environ.get("SCANOPS_GATE_SHA256") or None,
            image_digest=os.environ.get("SCANOPS_IMAGE_DIGEST") or None,
            model=self.model,
            classes=list(self.bundle.classes),
            size_px=self.bundle.size_px,
            notice=self.bundle.notice,
        )
