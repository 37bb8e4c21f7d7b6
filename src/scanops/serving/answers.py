"""From the files of a request to their answers, off the event loop and a few at a time."""

from __future__ import annotations

import math
from typing import NamedTuple

import anyio
import anyio.to_thread
import numpy as np

from scanops import imaging
from scanops.abstention import Why
from scanops.bundle.predictor import Predictor, Verdict
from scanops.errors import ImageError
from scanops.imaging import Pixels
from scanops.monitoring import features
from scanops.serving.feedback import Asked, Feedback
from scanops.serving.limits import MIB, Limits, Upload
from scanops.serving.schemas import FileAnswer, FileError

ADVICE: dict[Why, str] = {
    "unlike_training": "This image does not look like the scans that the model has learnt from.",
    "low_confidence": "The model is not sure enough to say which class this is.",
}


class _Prepared(NamedTuple):
    pixels: Pixels
    look: features.Look | None


class Slots:
    """How much of the process all requests may use together. To be made in its event loop.

    Attributes:
        small: Threads that decode ordinary images, or infer.
        large: The one thread that decodes a large image or reads DICOM, which may unpack to far more than
            was sent: two at once would not fit the container's memory.
    """

    def __init__(self, workers: int) -> None:
        self.small = anyio.CapacityLimiter(workers)
        self.large = anyio.CapacityLimiter(1)


async def answer(
    predictor: Predictor,
    uploads: list[Upload],
    limits: Limits,
    slots: Slots,
    feedback: Feedback | None = None,
) -> list[FileAnswer]:
    """Answer each file; one that cannot be used does not spoil the rest.

    Args:
        predictor: The loaded bundle.
        uploads: The files of one request; their bytes are released as they are decoded.
        limits: The bounds in force.
        slots: Shared by all requests.
        feedback: Where features of the answers are kept; None keeps none.

    Returns:
        One answer a file, in their order.
    """
    asked = Asked()
    prepared = [
        await _prepare(predictor, upload, limits, slots, watched=feedback is not None) for upload in uploads
    ]
    usable = [index for index, item in enumerate(prepared) if not isinstance(item, FileError)]
    verdicts: dict[int, FileAnswer] = {}
    for start in range(0, len(usable), limits.batch):
        chunk = usable[start : start + limits.batch]
        decoded = [item for i in chunk if not isinstance(item := prepared[i], FileError)]
        batch = np.stack([one.pixels for one in decoded])
        verdict = await anyio.to_thread.run_sync(predictor.answer, batch, limiter=slots.small)
        if feedback is not None:
            feedback.record(asked, predictor, [one.look for one in decoded if one.look], verdict)
        verdicts |= {i: _classify(i, verdict, row, predictor) for row, i in enumerate(chunk)}
    return [
        FileAnswer(index=i, error=item) if isinstance(item, FileError) else verdicts[i]
        for i, item in enumerate(prepared)
    ]


async def _prepare(
    predictor: Predictor, upload: Upload, limits: Limits, slots: Slots, *, watched: bool
) -> _Prepared | FileError:
    if upload.too_large:
        limit = f"{limits.file_bytes // MIB} MiB"
        return FileError(kind="too_large", detail=f"The file is larger than {limit}. Send a smaller one.")
    if not upload.data:
        return FileError(kind="empty", detail="The file holds no bytes. Export it again.")
    data = bytes(upload.data)
    upload.data = bytearray()
    limiter = slots.large if imaging.is_dicom(data) else slots.small
    # In a thread: a hostile header can take a second to read.
    pixels = await anyio.to_thread.run_sync(imaging.count_pixels, data, limiter=limiter)
    if pixels > limits.pixels:
        limit = f"{limits.pixels // 1_000_000} million pixels"
        return FileError(kind="too_large", detail=f"The image has more than {limit}. Send a smaller one.")
    if pixels > limits.small_pixels:
        limiter = slots.large
    return await anyio.to_thread.run_sync(_decode, predictor, data, watched, limiter=limiter)


def _decode(predictor: Predictor, data: bytes, watched: bool) -> _Prepared | FileError:
    try:
        image = imaging.decode(data)
        return _Prepared(predictor.fit_input(image), features.look(image) if watched else None)
    except ImageError as error:
        detail = f"The file {error.fault}. {error.remedy}."
        return FileError.model_validate({"kind": error.kind, "detail": detail})


def _classify(index: int, verdict: Verdict, row: int, predictor: Predictor) -> FileAnswer:
    given, classes, why = verdict.prediction.probabilities[row], predictor.bundle.classes, verdict.why[row]
    novelty = float(verdict.novelty[row])
    return FileAnswer(
        index=index,
        class_name=classes[int(given.argmax())],
        probabilities={name: float(value) for name, value in zip(classes, given, strict=True)},
        abstained=why is not None,
        why=why,
        advice=why and ADVICE[why],
        novelty=novelty if predictor.limits and math.isfinite(novelty) else None,
    )
