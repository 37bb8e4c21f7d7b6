"""Bounds on a request, held while it streams in: nothing is decoded, and nothing touches a disk, before."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from scanops import imaging
from scanops.serving.problems import ProblemError

MIB = 1024 * 1024
# Those that this process may use, where the system can tell.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Limits:
    """How much one request may hold.

    Attributes:
        body_bytes: The whole body.
        file_bytes: One file; a larger one is answered with an error of its own, the others are not.
        files: Files in one request.
        parts: Parts of a form; those that are no file are skipped.
        pixels: One image; evaluation stops at the same size.
        small_pixels: Images with more are decoded one at a time.
        body_timeout_s: Time for the body to arrive.
        decoders: Ordinary files decoded at the same time: four of `small_pixels` take 480 MB at most.
        workers: Batches inferred at the same time, each on one core.
        batch: Images answered together; they share the steps around the graph.
        requests: Requests being read or answered at the same time; further ones are told to come again.
        queue: Images waiting for their answer, of all requests together; likewise.
        bodies_bytes: What the bodies of all these requests may hold in memory together; likewise.
    """

    body_bytes: int = 64 * MIB
    file_bytes: int = 32 * MIB
    files: int = 64
    parts: int = 128
    pixels: int = imaging.MAX_PIXELS
    small_pixels: int = 3_000_000
    body_timeout_s: float = 60.0
    decoders: int = min(CORES, 4)
    workers: int = min(CORES, 8)
    batch: int = 4
    requests: int = 256
    queue: int = 256
    bodies_bytes: int = 192 * MIB


@dataclass
class Upload:
    """One file of a request; its name is never kept.

    Attributes:
        data: The bytes, dropped once the file is too large.
        too_large: Whether it is larger than one file may be.
    """

    data: bytearray = field(default_factory=bytearray)
    too_large: bool = False


class _Form:
    """Collects the files of a multipart body; parts that are no file are skipped."""

    def __init__(self, limits: Limits) -> None:
        self.uploads: list[Upload] = []
        self._limits = limits
        self._parts = 0
        self._upload: Upload | None = None
        self._header = bytearray()
        self._value = bytearray()

    def on_part_begin(self) -> None:
        self._upload = None
        self._parts += 1
        if self._parts > self._limits.parts:
            raise ProblemError(
                413, f"The form has more than {self._limits.parts} parts; send the rest in another."
            )

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            if b"filename" in options:
                self._begin_file()
        self._header.clear()
        self._value.clear()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        upload = self._upload
        if upload is None or upload.too_large:
            return
        if len(upload.data) + end - start > self._limits.file_bytes:
            upload.too_large = True
            upload.data = bytearray()
            return
        upload.data += data[start:end]

    def _begin_file(self) -> None:
        if len(self.uploads) == self._limits.files:
            raise ProblemError(
                413, f"One request may hold {_count(self._limits.files)}; send the rest in another."
            )
        self._upload = Upload()
        self.uploads.append(self._upload)


async def read_uploads(headers: dict[str, str], stream: AsyncIterator[bytes], limits: Limits) -> list[Upload]:
    """Read the files of a multipart request.

    Args:
        headers: The request's headers, names in lower case.
        stream: The body.
        limits: What is refused.

    Returns:
        At least one file, in the order sent.

    Raises:
        ProblemError: 400 malformed, 408 too slow, 413 too large, 415 not multipart, 422 no file in it.
    """
    media_type, options = parse_options_header(headers.get("content-type", ""))
    if media_type != b"multipart/form-data":
        raise ProblemError(415, "Send the files as multipart/form-data.")
    declared = headers.get("content-length", "")
    if declared.isdecimal():
        _check_size(int(declared), limits)
    form = _Form(limits)
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            await _parse(options.get(b"boundary", b""), stream, form, limits)
    except TimeoutError as error:
        raise ProblemError(
            408, f"The body did not arrive within {limits.body_timeout_s:g} s; send fewer files at a time."
        ) from error
    except FormParserError as error:
        raise ProblemError(
            400, "The multipart body is malformed; have a library for HTTP write it."
        ) from error
    if not form.uploads:
        raise ProblemError(422, "The form holds no file: send at least one, in a field named `files`.")
    return form.uploads


async def _parse(boundary: bytes, stream: AsyncIterator[bytes], form: _Form, limits: Limits) -> None:
    if not boundary:
        raise ProblemError(
            400, "The content type names no multipart boundary; have a library for HTTP write it."
        )
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": form.on_part_begin,
            "on_header_field": form.on_header_field,
            "on_header_value": form.on_header_value,
            "on_header_end": form.on_header_end,
            "on_part_data": form.on_part_data,
        },
    )
    received = 0
    async for chunk in stream:
        received += len(chunk)
        _check_size(received, limits)
        parser.write(chunk)
    parser.finalize()


def _count(files: int) -> str:
    return "one file" if files == 1 else f"{files} files"


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.body_bytes:
        raise ProblemError(
            413, f"The body is larger than {limits.body_bytes // MIB} MiB; send fewer files at a time."
        )
