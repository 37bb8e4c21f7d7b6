"""From the files of a request to their answers: decoded in threads, answered in batches with others."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

from scanops import imaging
from scanops.abstention import Why
from scanops.bundle.predictor import Predictor, Verdict
from scanops.errors import ImageError
from scanops.imaging import Pixels
from scanops.serving.batching import Batcher
from scanops.serving.feedback import Asked, Feedback
from scanops.serving.limits import MIB, Limits, Upload
from scanops.serving.metrics import Metrics
from scanops.serving.one_batch import Answered, Job, Larger, OneBatch, Outcome, Prepared, refuse
from scanops.serving.schemas import FileAnswer, FileError

Read = TypeVar("Read")
ADVICE: dict[Why, str] = {
    "unlike_training": "This image does not look like the scans that the model has learnt from.",
    "low_confidence": "The model is not sure enough to say which class this is.",
}
# Files of one request under way at a time, for each thread: one decoded while another is inferred.
AHEAD = 2


class _Answer(NamedTuple):
    file: FileAnswer
    answered: Answered | None = None


class Answerer:
    """A loaded bundle with the threads that answer for it, shared by all requests. To be made in its loop.

    Args:
        predictor: The loaded bundle.
        limits: The bounds in force.
        metrics: Where answers are counted.
        feedback: Where features of the answers are kept; None keeps none.
    """

    def __init__(
        self, predictor: Predictor, limits: Limits, metrics: Metrics, feedback: Feedback | None = None
    ) -> None:
        self.predictor = predictor
        self._limits, self._metrics, self._feedback = limits, metrics, feedback
        self._small = ThreadPoolExecutor(limits.decoders, thread_name_prefix="decode")
        # A large image or DICOM may unpack to far more than was sent: two at once would not fit the
        # container's memory.
        self._large = ThreadPoolExecutor(1, thread_name_prefix="decode-large")
        self._one_batch = OneBatch(predictor, limits, metrics.count_batch, remembered=feedback is not None)
        self._batcher: Batcher[Job, Outcome] = Batcher(self._one_batch, limits.workers, limits.batch)

    async def answer(self, uploads: list[Upload]) -> list[FileAnswer]:
        """Answer each file; one that cannot be used does not spoil the rest.

        Args:
            uploads: The files of one request; their bytes are released as they are decoded.

        Returns:
            One answer a file, in their order.
        """
        asked = Asked() if self._feedback else None
        if len(uploads) == 1:
            answered = [await self._answer_one(0, uploads[0])]
        else:
            turns = asyncio.Semaphore(AHEAD * max(self._limits.workers, self._limits.decoders))

            async def in_turn(index: int, upload: Upload) -> _Answer:
                async with turns:
                    return await self._answer_one(index, upload)

            answered = await asyncio.gather(*(in_turn(*one) for one in enumerate(uploads)))
        self._remember(asked, answered)
        return [one.file for one in answered]

    async def unpack(self, work: Callable[[], Read]) -> Read:
        """Do work that may take far more memory than what was sent, in the one thread for that.

        Args:
            work: What to do.

        Returns:
            What it returned.
        """
        return await asyncio.get_running_loop().run_in_executor(self._large, work)

    async def infer(self, batch: Pixels) -> list[Verdict]:
        """Answer pictures that are the graph's input already.

        Args:
            batch: uint8 [N, size_px, size_px, 3], N at least 1.

        Returns:
            A verdict of one picture each, in the batch's order.
        """
        given = await asyncio.gather(*(self._batcher.answer(Prepared(pixels)) for pixels in batch))
        answered = [one for one in given if isinstance(one, Answered)]
        for index, one in enumerate(answered):
            self._metrics.count_answer(self.describe(index, one))
        return [one.verdict.of(one.row) for one in answered]

    async def explain(self, pixels: Pixels) -> Answered:
        """Answer one picture with the feature maps behind the answer.

        Args:
            pixels: uint8 [size_px, size_px, 3].

        Returns:
            The answer.
        """
        answered = await self._batcher.answer(Prepared(pixels, mapped=True))
        assert isinstance(answered, Answered)  # noqa: S101 -- what is prepared has pixels
        return answered

    def close(self) -> None:
        """End the threads, after what they do now."""
        self._batcher.close()
        for pool in (self._small, self._large):
            pool.shutdown(wait=True, cancel_futures=True)

    async def _answer_one(self, index: int, upload: Upload) -> _Answer:
        answered = await self._judge(upload)
        if isinstance(answered, FileError):
            self._metrics.count_refused(answered.kind)
            return _Answer(FileAnswer(index=index, error=answered))
        file = self.describe(index, answered)
        self._metrics.count_answer(file)
        return _Answer(file, answered)

    async def _judge(self, upload: Upload) -> Answered | FileError:
        """Have one file answered: with others where it is small, decoded by itself where it is not."""
        data = self._take(upload)
        if isinstance(data, FileError):
            return data
        if not imaging.is_dicom(data):
            outcome = await self._batcher.answer(data)
            if not isinstance(outcome, Larger):
                return outcome
        prepared = await self._decode_alone(self._one_batch.prepare, data)
        if isinstance(prepared, FileError):
            return prepared
        answered = await self._batcher.answer(prepared)
        assert isinstance(answered, Answered)  # noqa: S101 -- what is prepared has pixels
        return answered

    def _remember(self, asked: Asked | None, answered: Sequence[_Answer]) -> None:
        if self._feedback is None or asked is None:
            return
        for _, one in answered:  # in the order of the files, whichever was done first
            if one is not None and one.look is not None:
                self._feedback.record(asked, self.predictor, [one.look], one.verdict.of(one.row))

    async def read(self, upload: Upload, read: Callable[[bytes], Read]) -> Read | FileError:
        """Read one file in the thread that its size calls for, once its header is within bounds.

        Args:
            upload: One file; its bytes are released.
            read: From the bytes of a file to what is wanted of it; may raise an ImageError.

        Returns:
            What `read` returned, or why the file cannot be used.
        """
        data = self._take(upload)
        if isinstance(data, FileError):
            return data
        if not imaging.is_dicom(data):
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._small, _decode, read, data, self._limits.small_pixels)
            if found is not None:
                return found
        return await self._decode_alone(read, data)

    def _take(self, upload: Upload) -> bytes | FileError:
        """Give the bytes of a file, which the upload then no longer holds."""
        if upload.too_large:
            limit = f"{self._limits.file_bytes // MIB} MiB"
            return FileError(kind="too_large", detail=f"The file is larger than {limit}. Send a smaller one.")
        if not upload.data:
            return FileError(kind="empty", detail="The file holds no bytes. Export it again.")
        data = bytes(upload.data)
        upload.data = bytearray()
        return data

    async def _decode_alone(self, read: Callable[[bytes], Read], data: bytes) -> Read | FileError:
        most = self._limits.pixels
        found = await self.unpack(partial(_decode, read, data, most))
        if found is None:
            limit = f"{most // 1_000_000} million pixels"
            return FileError(kind="too_large", detail=f"The image has more than {limit}. Send a smaller one.")
        return found

    async def draw(self, work: Callable[[], Read]) -> Read:
        """Do small work on a picture in one of the threads that decode.

        Args:
            work: What to do.

        Returns:
            What it returned.
        """
        return await asyncio.get_running_loop().run_in_executor(self._small, work)

    def describe(self, index: int, answered: Answered) -> FileAnswer:
        """Say what was answered for one file.

        Args:
            index: The file's place in the request.
            answered: What was found.

        Returns:
            The answer.
        """
        verdict, row = answered.verdict, answered.row
        given, classes = verdict.prediction.probabilities[row], self.predictor.bundle.classes
        why, novelty = verdict.why[row], float(verdict.novelty[row])
        return FileAnswer(
            index=index,
            class_name=classes[int(given.argmax())],
            probabilities=dict(zip(classes, given.tolist(), strict=True)),
            abstained=why is not None,
            why=why,
            advice=why and ADVICE[why],
            novelty=novelty if self.predictor.limits and math.isfinite(novelty) else None,
        )


def _decode(read: Callable[[bytes], Read], data: bytes, most: int) -> Read | FileError | None:
    """Read a file, in a thread; None where it has more pixels than that."""
    # A hostile header can take a second to read.
    if imaging.count_pixels(data) > most:
        return None
    try:
        return read(data)
    except ImageError as error:
        return refuse(error)
