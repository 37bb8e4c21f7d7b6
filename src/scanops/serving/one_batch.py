"""From the bytes of some files to their verdicts: what one thread does at a time, decoding included.

A file that is decoded where it is answered changes threads once. With threads of their own for decoding, four
would share two cores, and whoever decodes would take the processor's cache from who computes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from scanops import imaging
from scanops.bundle.predictor import Predictor, Verdict
from scanops.errors import ImageError
from scanops.imaging import Pixels
from scanops.monitoring import features
from scanops.serving.limits import Limits
from scanops.serving.schemas import FileError


class Prepared(NamedTuple):
    """A picture on its way to the graph.

    Attributes:
        pixels: uint8 [size_px, size_px, 3], the graph's input.
        look: What is remembered of the picture itself; None where nothing is.
        mapped: Whether feature maps are wanted with the answer.
    """

    pixels: Pixels
    look: features.Look | None = None
    mapped: bool = False


class Answered(NamedTuple):
    """The answer for one picture.

    Attributes:
        verdict: The answers for the batch that it was in.
        row: Its place there.
        look: See `Prepared`.
    """

    verdict: Verdict
    row: int
    look: features.Look | None = None


class Larger(NamedTuple):
    """In place of an answer: the picture is too large to be decoded beside others.

    Attributes:
        data: The bytes of its file.
    """

    data: bytes


Job = bytes | Prepared
Outcome = Answered | FileError | Larger


class OneBatch:
    """Answers batches, in whichever thread calls it.

    Args:
        predictor: The loaded bundle.
        limits: The bounds in force.
        observe: Told the number of pictures of each batch.
        remembered: Whether to look at each picture for what is remembered of it.
    """

    def __init__(
        self, predictor: Predictor, limits: Limits, observe: Callable[[int], object], *, remembered: bool
    ) -> None:
        self._predictor, self._limits, self._observe = predictor, limits, observe
        self._remembered = remembered
        self._decoding = threading.Semaphore(limits.decoders)

    def __call__(self, jobs: list[Job]) -> list[Outcome | Exception]:
        """Decode the files and have all that could be decoded answered together.

        Args:
            jobs: Bytes of files, or pictures that are prepared already.

        Returns:
            For each, in order: its answer, why there is none, or what was raised for it alone.
        """
        ready = [job if isinstance(job, Prepared) else self._decode(job) for job in jobs]
        sound = [one for one in ready if isinstance(one, Prepared)]
        if not sound:
            return [one for one in ready if not isinstance(one, Prepared)]
        self._observe(len(sound))
        pixels = sound[0].pixels[None] if len(sound) == 1 else np.stack([one.pixels for one in sound])
        verdict = self._predictor.answer(pixels, maps=any(one.mapped for one in sound))
        rows = iter(range(len(sound)))
        return [
            Answered(verdict, next(rows), one.look) if isinstance(one, Prepared) else one for one in ready
        ]

    def prepare(self, data: bytes) -> Prepared:
        """Bring the bytes of a file to the graph's input.

        Args:
            data: The bytes.

        Returns:
            The picture.

        Raises:
            ImageError: They cannot be used.
        """
        image = self._predictor.decode(data)
        look = features.look(image) if self._remembered else None
        return Prepared(self._predictor.fit_input(image), look)

    def _decode(self, data: bytes) -> Prepared | FileError | Larger | Exception:
        with self._decoding:
            try:
                # A hostile header can take a second to read.
                if imaging.count_pixels(data) > self._limits.small_pixels:
                    return Larger(data)
                return self.prepare(data)
            except ImageError as error:
                return refuse(error)
            except Exception as error:  # the other files of the batch belong to other requests
                return error


def refuse(error: ImageError) -> FileError:
    """Say why a file cannot be used.

    Args:
        error: What decoding it raised.

    Returns:
        The same, as an answer tells it.
    """
    detail = f"The file {error.fault}. {error.remedy}."
    return FileError.model_validate({"kind": error.kind, "detail": detail})
