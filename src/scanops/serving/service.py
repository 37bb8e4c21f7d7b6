"""One bundle in service, from its folder to being ready to answer."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from fastapi import Request

from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor, Verdict
from scanops.serving import feedback, logs
from scanops.serving.answers import Answerer
from scanops.serving.limits import Limits, Upload, read_uploads
from scanops.serving.metrics import Metrics
from scanops.serving.problems import ProblemError
from scanops.serving.room import Room
from scanops.serving.schemas import Model, Prediction, Version


class Service:
    """One bundle, from its folder to being ready.

    Args:
        folder: The bundle's folder.
        limits: Bounds on a request.

    Attributes:
        failed: Whether the bundle could not be loaded; it is not tried again.

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
        self.metrics = Metrics(self.version())
        self.room = Room(limits)
        self.metrics.watch(lambda: self.room.pictures, lambda: self.room.requests)
        self.answerer: Answerer | None = None
        self.failed = False
        self.feedback = feedback.from_environment(self.model.bundle_sha256)

    @property
    def predictor(self) -> Predictor | None:
        """The loaded and warm bundle; None until then."""
        return self.answerer.predictor if self.answerer else None

    async def load(self) -> None:
        """Load the graph and run it once, so that the first answer is as quick as the others."""
        try:
            predictor = await asyncio.to_thread(self._warm)
            self.answerer = Answerer(predictor, self.limits, self.metrics, self.feedback)
        except Exception as error:  # a service that cannot load says so in its log and stays unready
            self.failed = True
            logs.write(logging.ERROR, "load", type=type(error).__name__, detail=str(error))
            return
        _spare_the_collector()
        logs.write(logging.INFO, "ready", bundle_sha256=self.model.bundle_sha256)

    async def close(self) -> None:
        """End the threads; the server has let every request end before."""
        if self.answerer:
            await asyncio.to_thread(self.answerer.close)

    def _warm(self) -> Predictor:
        # A thread each: several inferences side by side keep all cores busy with less to agree upon.
        predictor = Predictor(self.folder, threads=1)
        side = self.bundle.size_px
        for count in (1, self.limits.batch):
            predictor.answer(np.zeros((count, side, side, 3), np.uint8))
        return predictor

    def loaded(self) -> Answerer:
        """Give what answers.

        Raises:
            ProblemError: 503, the model is still loading, or could not be loaded.
        """
        if self.failed:
            raise ProblemError(503, "The model could not be loaded; the service's log says why.")
        if self.answerer is None:
            raise ProblemError(
                503, "The model is still loading; try again in a second.", {"retry-after": "1"}
            )
        return self.answerer

    async def predict(self, request: Request) -> Prediction:
        """Answer one request for predictions.

        Args:
            request: The request, its body unread.

        Returns:
            One answer a file.

        Raises:
            ProblemError: The service is not ready or has too much to do, the request is out of bounds, or no
                file could be used.
        """
        self.loaded()
        with self.room.hold_request() as held:
            body = held.metered(request.stream())
            uploads = await read_uploads(dict(request.headers), body, self.limits)
            return await self.answer(uploads)

    async def answer(self, uploads: list[Upload]) -> Prediction:
        """Answer files, however they came.

        Args:
            uploads: At least one; their bytes are released as they are decoded.

        Returns:
            One answer a file.

        Raises:
            ProblemError: The service is not ready or has too much to do, or no file could be used.
        """
        answerer = self.loaded()
        with self.room.hold_pictures(len(uploads)):
            files = await answerer.answer(uploads)
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
            A verdict of one picture each, in the batch's order.

        Raises:
            ProblemError: The service is not ready or has too much to do.
        """
        answerer = self.loaded()
        with self.room.hold_pictures(len(batch)):
            return await answerer.infer(batch)

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
            heat_maps=self.bundle.pooling is not None,
            notice=self.bundle.notice,
        )


def _spare_the_collector() -> None:
    """Have Python's collector of garbage pass over what stays: libraries, schemas, the graph.

    Looking through them would stop all threads for tens of milliseconds each time. Requests leave few cycles,
    so that what is new need not be looked through after every 700 objects either.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, *gc.get_threshold()[1:])
